"""Who hears nothing after the start says so after ten seconds, with what he has heard instead: at either end, whatever the link."""

import os

import links
import netlab

LINK_ENDED = 69
CLIENT_SAYS = "warning: no answer yet; does the command end with `tfunnel`?"
FAR_END_SAYS = "warning: no client has greeted yet; this is the far end of a tunnel, .*--via 'ssh host tfunnel'"
SO_FAR = " So far it said "


def test_silence_is_told_at_either_end_over_any_link(lab, commands, start_tunnel):
    """They wait side by side, or it would take a minute."""
    commands.start_sshd()
    # As a login does: a word of welcome, and a prompt in colours that waits for ever.
    welcome = r"printf 'Welcome to host\n\033[01;32malice@host\033[00m:~$ \007'; exec sleep 1000"
    links.write_script(os.path.join(commands.far_bin, "login"), welcome)

    def silent(link, **options):
        return start_tunnel(link, ready=False, **options)

    def by_hand(name, before):
        command = ["sh", "-c", f"({before} exec sleep 1000) | ssh host tfunnel"]
        return lab.client.start(command, name=name, env=links.environment(commands.client_path))

    talks = [
        silent(links.link_via, via="ssh host login"),
        silent(links.link_coproc, proxy_command="ssh host login"),
        silent(links.link_socat, proxy_command="ssh host login"),
        silent(links.link_pipe, proxy_command="login"),
    ]
    mute = silent(links.link_via, via="ssh host exec sleep 1000")
    typed, untouched = by_hand("typed", "echo hello;"), by_hand("untouched", "")
    for tunnel in (*talks, mute):
        netlab.wait_until(lambda tunnel=tunnel: CLIENT_SAYS in tunnel.log(), 40, "a word about the silence")
    for process in (typed, untouched):
        process.wait_for_log(FAR_END_SAYS, 40)
    for tunnel in talks:
        assert CLIENT_SAYS + SO_FAR + r'"Welcome to host\nalice@host:~$ \x07"' in tunnel.log(), tunnel.log()
    assert SO_FAR + r'"hello\n"' in typed.log(), typed.log()
    for quiet in (mute, untouched):
        assert SO_FAR not in quiet.log(), quiet.log()
    for process in (typed, untouched):
        process.kill()


def test_who_said_nothing_is_not_quoted_at_the_end(start_tunnel):
    tunnel = start_tunnel(links.link_via, via="exec sleep 1000", ready=False, client_args="--greeting-timeout 1")
    assert tunnel.client.wait(15) == LINK_ENDED
    assert tunnel.log().rstrip().endswith("the far end has not greeted in time"), tunnel.log()
