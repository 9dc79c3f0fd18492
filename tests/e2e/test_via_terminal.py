"""--via on a terminal: a command that asks for a passphrase gets the keyboard, and only then."""

import os
import shlex
import shutil
import signal
import subprocess

import isolation
import links
import netlab
import pytest
import supervised
import terminal
import topology

PASSPHRASE = "open sesame"
PROMPT = "Enter passphrase for key"
LINK_ENDED = 69
THEN = "; echo ended $?; read x; echo got $x"


@pytest.fixture(name="keyboard")
def _keyboard():
    made = terminal.Terminal()
    yield made
    made.close()


@pytest.fixture(name="asking_ssh")
def _asking_ssh(lab, commands, keys):
    """An ssh command that must ask for its key's passphrase, and an sshd that takes the key."""
    key = os.path.join(lab.directory, "locked_key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", key], check=True)
    authorized = os.path.join(lab.directory, "authorized_keys")
    shutil.copy(key + ".pub", authorized)
    os.chmod(authorized, 0o644)
    commands.start_sshd(authorized_keys=authorized)
    config = os.path.join(lab.directory, "asking_ssh_config")
    with open(config, "w", encoding="ascii") as file:
        file.write(
            f"""Host host
  HostName {topology.FAR_MGMT[4]}
  Port {topology.SSH_PORT}
  User {isolation.USER}
  IdentityFile {key}
  IdentitiesOnly yes
  PreferredAuthentications publickey
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""
        )
    del keys
    return f"/usr/bin/ssh -F {config} host tfunnel"


@pytest.fixture(name="at_keyboard")
def _at_keyboard(lab, commands, keyboard, server, request):
    """at_keyboard(line, shell text, jobs) -> a shell on the terminal, as a session leader, that runs
    that line (a client's), then the text. jobs: each command is a job with a process group of its
    own, as in an interactive shell, whose own stderr is the terminal for that."""
    del server

    def start(line, then="", jobs=True):
        environment = links.environment(commands.client_path)
        environment.pop("SSH_AUTH_SOCK", None)
        environment.pop("DISPLAY", None)
        tunnel = links.SupervisedTunnel(lab, commands)
        log = os.path.join(lab.directory, "client-at-the-keyboard.log")
        words = ["bash", "--norc", "--noprofile", *(["-m"] if jobs else []), "-c", f"{line} 2>{log}{then}"]
        tunnel.client = keyboard.start(lab.client, words, name="shell", env=environment, stderr=keyboard.far)
        tunnel.client.log_path = log
        request.addfinalizer(tunnel.kill)
        return tunnel

    return start


JOBS = pytest.mark.parametrize("jobs", [False, True], ids=["one group", "a job"])


def type_passphrase(keyboard, text=PASSPHRASE, number=1):
    keyboard.wait_for(PROMPT, number)
    netlab.wait_until(lambda: not keyboard.echoes(), what="the end of echo")
    keyboard.type(text + "\n")


def wait_keyboard_is_back(keyboard, client):
    netlab.wait_until(lambda: keyboard.foreground() == os.getpgid(client), what="the terminal back at the client")
    assert keyboard.echoes()


@JOBS
@pytest.mark.parametrize("wrap", ["{}", "true && {}; exit $?"], ids=["ssh", "shell around ssh"])
def test_passphrase(lab, at_keyboard, keyboard, asking_ssh, jobs, wrap):
    line = links.via_command(wrap.format(asking_ssh))
    tunnel = at_keyboard(line, THEN, jobs)
    type_passphrase(keyboard)
    tunnel.wait_up()
    assert supervised.answered(lab)
    wait_keyboard_is_back(keyboard, tunnel.client_pid)
    assert PASSPHRASE not in keyboard.shown + tunnel.log()
    lab.traffic(lab.client, "flows", "--count", 20)
    keyboard.type("\x03")  # Ctrl-C, for the client only: ssh must live until the goodbye
    netlab.wait_until(lambda: not tunnel.far_pids(), what="end of the far end")
    if jobs:  # else the shell was in the same group
        keyboard.wait_for("ended 0")
        keyboard.type("hello\n")
        keyboard.wait_for("got hello")


@pytest.mark.parametrize("count", [1, 2])
def test_program_of_run_gets_the_terminal_when_all_passphrases_are_in(at_keyboard, keyboard, asking_ssh, count):
    """Later keystrokes must neither be lost nor reach an ssh that still asks."""
    program = "sh -c 'echo rea''dy; read line; echo heard $line; exit 3'"
    tunnel = at_keyboard(f"tfunnel run --links {count} --via {shlex.quote(asking_ssh)} -- {program}", THEN)
    for number in range(1, count + 1):
        assert "ready" not in keyboard.shown
        type_passphrase(keyboard, number=number)
    keyboard.wait_for("ready")
    keyboard.type("one\n")
    keyboard.wait_for("heard one")
    keyboard.wait_for("ended 3")
    keyboard.type("two\n")
    keyboard.wait_for("got two")
    tunnel.wait_nothing_left()


def test_two_links_ask_one_after_the_other(lab, at_keyboard, keyboard, asking_ssh):
    tunnel = at_keyboard(links.via_command(asking_ssh, 2), THEN)
    for number in (1, 2):
        type_passphrase(keyboard, number=number)
    tunnel.wait_up(2)
    assert supervised.answered(lab)
    client = tunnel.client_pid
    wait_keyboard_is_back(keyboard, client)
    os.kill(client, signal.SIGTERM)
    keyboard.wait_for("ended 0")


@JOBS
def test_wrong_passphrases_give_the_terminal_back(at_keyboard, keyboard, asking_ssh, jobs):
    tunnel = at_keyboard(links.via_command(asking_ssh), THEN, jobs)
    for number in (1, 2, 3):
        type_passphrase(keyboard, "wrong", number)
    keyboard.wait_for(f"ended {LINK_ENDED}")
    assert "status 255" in tunnel.log()
    netlab.wait_until(keyboard.echoes, what="echo")
    keyboard.type("hello\n")
    keyboard.wait_for("got hello")


@JOBS
def test_interrupt_at_the_prompt_ends_it(at_keyboard, keyboard, asking_ssh, jobs):
    """Ctrl-C goes to ssh, which has the keyboard; the client ends as its first link has."""
    at_keyboard("trap true INT; " + links.via_command(asking_ssh), THEN, jobs)
    type_passphrase(keyboard, "\x03")
    keyboard.wait_for("ended ")
    netlab.wait_until(keyboard.echoes, what="echo")
    keyboard.type("hello\n")
    keyboard.wait_for("got hello")


def test_termination_while_the_command_asks(at_keyboard, keyboard, asking_ssh):
    tunnel = at_keyboard(links.via_command(asking_ssh), THEN)
    keyboard.wait_for(PROMPT)
    netlab.wait_until(lambda: not keyboard.echoes(), what="the end of echo")
    os.kill(tunnel.client_pid, signal.SIGTERM)
    keyboard.wait_for("ended 0")
    keyboard.type("hello\n")
    keyboard.wait_for("got hello")
    tunnel.wait_nothing_left()


def test_killed_client_leaves_no_ssh_that_asks(at_keyboard, keyboard, asking_ssh):
    """ssh asks below a shell, and does not look at its input meanwhile: nothing but its death ends it."""
    tunnel = at_keyboard(links.via_command(asking_ssh), THEN)
    keyboard.wait_for(PROMPT)
    os.kill(tunnel.client_pid, signal.SIGKILL)
    tunnel.wait_nothing_left()


def test_client_in_the_background_does_not_take_the_terminal(at_keyboard, keyboard, asking_ssh):
    """The keyboard is the shell's: what is typed there must not end up as a passphrase."""
    line = links.via_command(asking_ssh, args="--greeting-timeout 3")
    tunnel = at_keyboard(line, " & read x; echo got $x; wait $!; echo ended $?; read x")
    shell = tunnel.client.pid
    keyboard.type("hello\n")
    keyboard.wait_for("got hello")
    assert keyboard.foreground() == shell
    keyboard.wait_for(f"ended {LINK_ENDED}")
    assert keyboard.foreground() == shell
    tunnel.wait_nothing_left()


def test_terminal_that_hangs_up_ends_all(lab, at_keyboard, keyboard):
    tunnel = at_keyboard("exec " + links.via_command("far tfunnel"))
    tunnel.wait_up()
    assert supervised.answered(lab)
    keyboard.close()
    assert tunnel.client.wait() == 0
    tunnel.wait_nothing_left()


def test_keyboard_is_not_lent_once_the_tunnel_was_up(lab, at_keyboard, keyboard, asking_ssh):
    """Somebody may be typing something else; a lost link that asks again is told so, and tried again."""
    tunnel = at_keyboard(links.via_command(asking_ssh), THEN)
    type_passphrase(keyboard)
    tunnel.wait_up()
    assert supervised.answered(lab)
    client = tunnel.client_pid
    wait_keyboard_is_back(keyboard, client)
    supervised.kill(lab.client.find("/usr/bin/ssh"))
    tunnel.wait_for_log("asks for the terminal", 20)
    assert keyboard.foreground() == os.getpgid(client)
    assert keyboard.shown.count(PROMPT) == 1
    tunnel.wait_for_log("still down.*trying again")
    os.kill(client, signal.SIGTERM)
    keyboard.wait_for("ended 0")
