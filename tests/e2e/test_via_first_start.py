"""--via with a far end that never starts: one clear line, and an exit status; never a hang."""

import os
import socket
import time

import links
import netlab
import pytest
import topology
import traffic_talk

LINK_ENDED = 69
PROTOCOL_ERROR = 76


@pytest.fixture(name="client_of")
def _client_of(start_tunnel):
    """client_of(command, ...) -> (status, log) of a client whose first start of that command fails."""

    def run(via, timeout=15, **options):
        tunnel = start_tunnel(links.link_via, via=via, ready=False, **options)
        status = tunnel.client.wait(timeout)
        tunnel.wait_nothing_left()
        return status, tunnel.log()

    return run


def said_by_client(log):
    """Without what the command itself said."""
    return [line for line in log.splitlines() if line and not line.startswith("tfunnel link")]


@pytest.mark.parametrize(
    "command, how",
    [
        ("true", "status 0"),
        ("exit 3", "status 3"),
        ("no-such-command-here", "status 127"),
        ("/etc/passwd", "status 126"),
        ("if then", "status 2"),  # a syntax error of the shell's
        ("kill -9 $$", "signal 9"),
        ("kill -TERM $$", "signal 15"),
        ("echo why >&2; exit 4", "status 4"),
        ("sleep 0.2; exit 5", "status 5"),
        ("exec >&-; exit 6", "status 6"),
        ("cat > /dev/null & exit 7", "status 7"),
        ("sleep 1000 & exit 8", "status 8"),  # somebody else still holds the pipes open
    ],
)
def test_command_that_ends(client_of, command, how):
    status, log = client_of(command)
    assert status == LINK_ENDED, log
    lines = said_by_client(log)
    assert len(lines) == 1, f"not one clear line: {log}"
    assert how in lines[0], log


def test_what_the_command_said_is_shown(client_of):
    _, log = client_of("no-such-command-here")
    assert any(line.startswith("tfunnel link: ") and "not found" in line for line in log.splitlines()), log


def test_last_line_without_an_end_is_shown(client_of):
    _, log = client_of("printf 'the very last words' >&2; exit 1")
    assert "tfunnel link: the very last words\n" in log


def test_ssh_refused(client_of, commands):
    """No sshd runs."""
    del commands
    status, log = client_of("ssh host tfunnel")
    assert status == LINK_ENDED, log
    assert "status 255" in log and "refused" in log, log
    assert "ssh failed, see above" in said_by_client(log)[-1] and "installed there" not in log, log


def test_ssh_does_not_let_us_in(client_of, commands, tmp_path):
    path = tmp_path / "authorized_keys"
    path.write_text("")
    commands.start_sshd(authorized_keys=str(path))
    status, log = client_of("ssh host tfunnel")
    assert status == LINK_ENDED, log
    assert "status 255" in log and "denied" in log, log
    assert "ssh failed, see above" in said_by_client(log)[-1] and "installed there" not in log, log


def test_ssh_to_an_unknown_host(client_of):
    status, log = client_of("RES_OPTIONS='timeout:1 attempts:1' ssh -F /dev/null no-such-host.invalid tfunnel")
    assert status == LINK_ENDED, log
    assert "no-such-host" in log


def test_tfunnel_is_not_installed_there(client_of, commands):
    commands.start_sshd()
    status, log = client_of("ssh host tfunnel-of-another-name")
    assert status == LINK_ENDED, log
    assert "status 127" in log and "tfunnel was not found there" in said_by_client(log)[-1], log


@pytest.mark.parametrize("program, command", [("ssh", "PATH=/nowhere; ssh host tfunnel"), ("autossh-2", "autossh-2 -M 0 host tfunnel"),
                                              ("/nowhere/ssh", "exec /nowhere/ssh host tfunnel"),
                                              ("ssh-2", "env ssh-2 host tfunnel")])
def test_program_that_is_missing_on_this_machine_is_not_looked_for_there(client_of, program, command):
    """sh(1) gives the same status as ssh(1) does for a program that is missing there."""
    status, log = client_of(command)
    assert status == LINK_ENDED, log
    last = said_by_client(log)[-1]
    assert f"status 127: '{program}' was not found on this machine" in last and "there" not in last, log


def test_program_that_cannot_be_executed_is_said_to_be_here_or_there(client_of, commands):
    commands.start_sshd()
    _, here = client_of("/etc/passwd ssh host")
    assert "status 126: '/etc/passwd' cannot be executed on this machine" in said_by_client(here)[-1], here
    _, there = client_of("ssh host /etc/passwd")
    assert "status 126: '/etc/passwd' cannot be executed there" in said_by_client(there)[-1], there


def test_destination_instead_of_a_command(client_of):
    _, log = client_of("user@192.0.2.1")
    assert "did you mean 'ssh user@192.0.2.1 tfunnel'?" in said_by_client(log)[-1], log


def test_interrupted_command_is_no_error(client_of):
    status, log = client_of("exit 130")
    assert status == 130, log
    assert said_by_client(log)[-1].endswith(": interrupted") and "error" not in log, log


def test_noise_on_stdout_is_shown(client_of):
    status, log = client_of("echo hello, I am no tunnel")
    assert status == PROTOCOL_ERROR, log
    assert "hello, I am no tunnel" in log
    assert len(said_by_client(log)) == 1, log


@pytest.mark.parametrize("command", ["cat", "yes", "head -c 1000000 /dev/urandom", "echo hello; sleep 1000"])
def test_no_tfunnel(client_of, command):
    options = {"client_args": "--greeting-timeout 3"} if "sleep" in command else {}
    status, log = client_of(command, **options)
    assert status in (PROTOCOL_ERROR, LINK_ENDED if "sleep" in command else PROTOCOL_ERROR), log
    assert len(said_by_client(log)) == 1 and len(log) < 2000, log


def test_client_at_both_ends(client_of):
    command = f"nsenter --net=/run/netns/client {topology.tfunnel()} -p 12301 --via cat"
    status, log = client_of(command)
    assert status in (PROTOCOL_ERROR, LINK_ENDED), log


@pytest.mark.parametrize("command", ["sleep 1000", "exec >&-; sleep 1000", "exec <&-; sleep 1000", "kill -STOP $$"])
def test_command_that_says_nothing(client_of, command):
    """A hang ends after --greeting-timeout; a closed stdout may end it earlier."""
    started = time.monotonic()
    status, log = client_of(command, client_args="--greeting-timeout 2")
    assert status == LINK_ENDED, log
    assert len(said_by_client(log)) == 1, log
    assert time.monotonic() - started < netlab.patient(6), "the default is 120 s"


@pytest.mark.parametrize("command", ["exit 3", "sleep 1000"])
def test_each_of_many_links_fails(client_of, command):
    status, log = client_of(command, count=8, client_args="--greeting-timeout 2")
    assert status == LINK_ENDED, log
    assert said_by_client(log), log


def test_capture_that_is_impossible_starts_no_command(lab, client_of):
    """The port is taken by something that does not share it."""
    with lab.client.socket(socket.AF_INET6, socket.SOCK_STREAM) as taken:
        taken.bind(("::", topology.PORT))
        taken.listen()
        status, log = client_of(f"touch {lab.directory}/started; exec far tfunnel")
    assert status != 0, log
    assert not os.path.exists(f"{lab.directory}/started")


def test_keep_trying_waits_for_a_server_that_is_not_there_yet(lab, server, start_tunnel):
    """As at boot: what is captured meanwhile waits, and then works."""
    del server
    gate = os.path.join(lab.directory, "server-is-up")
    via = f"[ -e {gate} ] || {{ echo no route >&2; exit 255; }}; exec far tfunnel"
    tunnel = start_tunnel(links.link_via, via=via, ready=False, client_args="--keep-trying")
    tunnel.client.wait_for_log("no link yet: the link's command ended with status 255")
    tunnel.client.wait_for_log("link is still down")
    early = lab.client.connect(topology.FAR[4], topology.SERVER_PORT)
    with open(gate, "w", encoding="ascii"):
        pass
    tunnel.wait_ready()
    early.sendall(traffic_talk.header("echo") + b"early")
    assert traffic_talk.receive_exactly(early, 5) == b"early"
    early.close()


def test_keep_trying_is_ended_by_ctrl_c(client_of):
    status, log = client_of("kill -INT $$", client_args="--keep-trying")
    assert status == 130, log
