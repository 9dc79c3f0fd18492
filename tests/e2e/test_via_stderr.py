"""The stderr of a link's command is for the user: passed on, tamed, and never in the way."""

import os
import re
import signal

import links
import pytest
import supervised


@pytest.fixture(name="via")
def _via(lab, via):
    """The same, and it has carried something."""

    def start(*command, **options):
        tunnel = via(*command, **options)
        assert supervised.answered(lab)
        return tunnel

    return start


def raw_log(tunnel):
    with open(tunnel.client.log_path, "rb") as file:
        return file.read()


def test_lines_are_passed_on(via):
    tunnel = via("echo one >&2; printf 'two\\r\\nthree\\n' >&2; exec far tfunnel")
    tunnel.wait_for_log("tfunnel link: three\n")
    for word in ("one", "two", "three"):
        assert f"tfunnel link: {word}\n" in tunnel.log()


def test_far_ends_warnings_are_passed_on(via):
    tunnel = via("echo 'tfunnel proxy: warning: something is wrong' >&2; exec far tfunnel")
    tunnel.wait_for_log("tfunnel link: tfunnel proxy: warning: something is wrong")


def test_far_ends_information_is_left_out(lab, via):
    tunnel = via("exec far tfunnel")
    assert supervised.answered(lab)
    tunnel.client.signal(signal.SIGTERM)
    assert tunnel.client.wait(15) == 0
    assert "tfunnel link:" not in tunnel.log()


def test_far_ends_information_is_shown_with_v(via):
    via("exec far tfunnel", client_args="-v").wait_for_log("tfunnel link: .*serving")


def test_lines_tell_which_link(lab, via):
    tunnel = via("echo hello >&2; exec far tfunnel", count=3)
    for number in (1, 2, 3):
        tunnel.wait_for_log(f"tfunnel link {number}: hello\n")
    assert supervised.answered(lab)


def test_escape_sequences_do_not_reach_the_terminal(via):
    tunnel = via("printf '\\033]0;title\\007\\033[2Jclear\\000\\377\\n' >&2; exec far tfunnel")
    tunnel.wait_for_log("title.*clear")
    assert re.fullmatch(rb"[\x20-\x7e\n]*", raw_log(tunnel)), raw_log(tunnel)


def test_very_long_line(lab, via):
    """10 MB without an end: neither kept in memory nor written out whole, and what follows is shown."""
    tunnel = via("head -c 10000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo next >&2; exec far tfunnel")
    tunnel.wait_for_log("tfunnel link: next\n")
    assert "tfunnel link: xxxx" in tunnel.log()
    assert os.path.getsize(tunnel.client.log_path) < 100_000
    assert supervised.answered(lab)


def test_long_line_that_never_ends(lab, via):
    tunnel = via("tr '\\0' x < /dev/zero >&2 & exec far tfunnel")
    lab.traffic(lab.client, "flows", "--count", 20)
    assert os.path.getsize(tunnel.client.log_path) < 1_000_000


def test_flood_of_lines(lab, via):
    """Thinned out, with a word about it; the tunnel goes on, and so does the end."""
    tunnel = via("yes flood >&2 & exec far tfunnel")
    tunnel.wait_for_log("tfunnel link: flood")
    tunnel.wait_for_log("left out")
    lab.traffic(lab.client, "flows", "--count", 50)
    assert os.path.getsize(tunnel.client.log_path) < 1_000_000
    assert supervised.answered(lab)


def test_closed_stderr(lab, via):
    via("exec 2>&-; exec far tfunnel")
    lab.traffic(lab.client, "flows", "--count", 5)


def test_ssh_talks_much(lab, commands, start_tunnel, server):
    del server
    commands.start_sshd()
    tunnel = start_tunnel(links.link_via, via="ssh -v host tfunnel")
    assert supervised.answered(lab)
    tunnel.wait_for_log("tfunnel link: debug1: ")


def test_stderr_held_open_by_somebody_else(lab, via):
    """ssh with ControlPersist leaves a process that keeps stderr: the link's end must be seen all the same."""
    tunnel = via("sleep 30 >/dev/null </dev/null & exec far tfunnel")
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log(supervised.AGAIN)
    assert supervised.answered(lab)
