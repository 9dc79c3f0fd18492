"""The command of --via as the shell gets it: not by its arguments, and otherwise as `sh -c` would run it."""

import os

import netlab
import pytest

CAPTURES = False

LINK_LOST = 69


def arguments_of_all(runs):
    """Of the processes that the runs have started."""
    found = []
    for pid in runs.pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found.append(file.read())
        except OSError:
            pass
    return found


def test_password_in_the_command_is_in_nobodys_arguments(runs):
    secret = "s3cret-" + runs.mark[:8]
    runs.via = f"tfunnel --http-proxy http://alice:{secret}@192.0.2.1:3128; true"
    run = runs.start("sleep", 60)
    netlab.wait_until(lambda: b"sleep\x0060\0" in arguments_of_all(runs), what="the program")
    words = arguments_of_all(runs)
    assert any(line.startswith(b"sh\0") for line in words), words
    assert not [line for line in words if secret.encode() in line], words
    run.signal(15)
    run.wait()


def test_command_finds_what_sh_c_would_give_it(runs):
    """Its standard input is the link, $0 and $# are those of the shell, and no descriptor is left open."""
    said = os.path.join(runs.work, "said")
    runs.via = (f"echo \"$0 $#\" > {said}\n"
                f"# a comment with a 'quote\n"
                f"ls /proc/self/fd >> {said}; cat <<'END' >> {said}\n$HOME \"quoted\"\nEND\n"
                f"alias link='exec'\nlink {runs.via.removeprefix('exec ')}")
    done = runs.run("true")
    assert done.returncode == 0, done.stderr
    with open(said, encoding="ascii") as file:
        assert file.read().split() == ["sh", "0", "0", "1", "2", "3", "$HOME", '"quoted"']


@pytest.mark.parametrize("words, status", [("exit 7", "status 7"), ("false\nexit $?", "status 1"),
                                           ("no-such-program", "status 127"), ("if", "status 2")])
def test_commands_own_status_is_told(runs, words, status):
    runs.via = words
    done = runs.run("true")
    assert done.returncode == LINK_LOST and status in done.stderr, done.stderr


def test_long_command_is_run_whole(runs):
    runs.via = "# " + "x" * 100_000 + "\n" + runs.via
    assert runs.run("true").returncode == 0
