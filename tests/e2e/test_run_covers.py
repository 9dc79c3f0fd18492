"""Paths that `tfunnel run` covers stay covered, whatever becomes of them outside while the program runs."""

import os
import shutil
import socket
import subprocess

import isolation
import netlab
import pytest

CAPTURES = False

RESOLVER = "198.18.0.53"
PATIENCE = int(netlab.patient(20))

# Says whether the file is ours at the start, and whether it is, or gets so, when it is told to look again.
READ_RESOLVER = f"""
import sys, time
def is_ours():
    try:
        with open("/etc/resolv.conf") as file:
            return "{RESOLVER}" in file.read()
    except OSError:
        return False
print("began", is_ours(), flush=True)
sys.stdin.readline()
deadline = time.monotonic() + {PATIENCE}
while not is_ours() and time.monotonic() < deadline:
    time.sleep(0.01)
print("ended", is_ours(), flush=True)
"""

# Connects, whenever it is told to, until it is refused; after that it must stay so.
TRY_SOCKET = f"""
import socket, sys, time
def reached():
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.setblocking(False)
            made.connect(sys.argv[1])
        return True
    except BlockingIOError:  # nobody accepts, and the queue is full
        return True
    except OSError:
        return False
print("ready", flush=True)
for line in sys.stdin:
    deadline = time.monotonic() + {PATIENCE}
    while reached() and time.monotonic() < deadline:
        time.sleep(0.01)
    print("reached" if any(reached() for _ in range(50)) else "hidden", flush=True)
"""


class Talk:
    """A program inside, which answers lines."""

    def __init__(self, runs, *program, options=()):
        self.run = runs.lab.client.start(runs.command(*program, options=options), name="run",
                                         env=runs.environment(), cwd=runs.work, text=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)

    def hear(self):
        return self.run.popen.stdout.readline().strip()

    def say(self):
        self.run.popen.stdin.write("\n")
        self.run.popen.stdin.flush()

    def ask(self):
        self.say()
        return self.hear()

    def end(self):
        self.run.popen.stdin.close()
        assert self.run.wait(30) == 0, self.run.log()


def listen(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    os.chmod(path, 0o777)
    made.listen()
    return made


def _replace_by_rename():
    isolation.write_private("/etc/resolv.conf.new", "nameserver 192.0.2.99\n")
    os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")


def _remove_and_write():
    isolation.write_private("/etc/resolv.conf", "nameserver 192.0.2.99\n")


def _move_away_and_write():
    os.rename("/etc/resolv.conf", "/etc/resolv.conf.old")
    isolation.write_private("/etc/resolv.conf", "nameserver 192.0.2.99\n")


def _make_it_a_link():
    isolation.write_private("/run/made-resolv.conf", "nameserver 192.0.2.99\n")
    os.symlink("/run/made-resolv.conf", "/etc/resolv.conf.new")
    os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")


@pytest.mark.parametrize("change", [_replace_by_rename, _remove_and_write, _move_away_and_write, _make_it_a_link])
def test_resolver_file_that_is_replaced_outside_is_ours_again_inside(runs, change):
    with isolation.replaced("/etc/resolv.conf", "nameserver 192.0.2.98\n"):
        talk = Talk(runs, "python3", "-c", READ_RESOLVER)
        assert talk.hear() == "began True"
        change()
        assert talk.ask() == "ended True"
        talk.end()
        with open("/etc/resolv.conf", encoding="ascii") as file:
            assert file.read() == "nameserver 192.0.2.99\n", "outside it is the system's"


@pytest.mark.parametrize("removed", ["socket", "directory"])
@pytest.mark.parametrize("hidden", ["socket", "directory"])
def test_hidden_service_that_restarts_stays_hidden(runs, hidden, removed):
    directory = os.path.join(runs.directory, "service")
    path = os.path.join(directory, "socket")
    service = listen(path)
    talk = Talk(runs, "python3", "-c", TRY_SOCKET, path, options=["--hide", path if hidden == "socket" else directory])
    assert (talk.hear(), talk.ask()) == ("ready", "hidden")
    for _ in range(2):
        service.close()
        os.unlink(path)
        if removed == "directory":
            os.rmdir(directory)
        service = listen(path)
        assert talk.ask() == "hidden"
    talk.end()
    service.close()


def test_name_service_that_starts_later_is_hidden(runs):
    shutil.rmtree("/run/nscd", ignore_errors=True)
    talk = Talk(runs, "python3", "-c", TRY_SOCKET, "/run/nscd/socket")
    assert talk.hear() == "ready"
    service = listen("/run/nscd/socket")
    try:
        assert talk.ask() == "hidden"
    finally:
        talk.end()
        service.close()
        shutil.rmtree("/run/nscd")


def test_cover_is_anew_in_namespaces_that_the_program_makes(runs):
    """As browsers and bubblewrap do: mount namespaces below that of process 1."""
    path = os.path.join(runs.directory, "service", "socket")
    service = listen(path)
    nested = ["unshare", "-U", "-r", "-m", "--propagation", "slave"]
    talk = Talk(runs, *nested, "python3", "-c", TRY_SOCKET, path, options=["--hide", path])
    if talk.hear() != "ready":
        pytest.skip("no user namespaces inside")
    service.close()
    os.unlink(path)
    service = listen(path)
    assert talk.ask() == "hidden"
    talk.end()
    service.close()


def test_covers_are_not_seen_outside(runs):
    with isolation.replaced("/etc/resolv.conf", "nameserver 192.0.2.98\n"):
        talk = Talk(runs, "python3", "-c", READ_RESOLVER)
        assert talk.hear() == "began True"
        with open("/proc/self/mountinfo", encoding="ascii") as file:
            mounts = [line.split()[4] for line in file]
        assert "/etc/resolv.conf" not in mounts
        assert talk.ask() == "ended True"
        talk.end()


def test_what_root_unmounts_is_covered_again_where_it_cannot_be_locked(runs):
    """The system permits one user namespace, and that is the one of process 1."""
    runs.user = []
    script = "echo 1 > /proc/sys/user/max_user_namespaces; exec \"$@\""
    unmount = ("umount -l /etc/resolv.conf && echo unmounted; "
               f"for i in $(seq {PATIENCE}00); do grep -q {RESOLVER} /etc/resolv.conf && exit 0; sleep 0.01; done; exit 9")
    with isolation.replaced("/etc/resolv.conf", "nameserver 192.0.2.98\n"):
        command = ["unshare", "-U", "-r", "sh", "-c", script, "sh", *runs.command("sh", "-c", unmount)]
        done = runs.lab.client.run(command, check=False, env=runs.environment(), cwd=runs.work)
    assert (done.stdout, done.returncode) == ("unmounted\n", 0), done.stderr
    assert "root's program may unmount" in done.stderr


def test_process_that_mounts_is_out_of_the_programs_reach(runs):
    if not runs.user:
        pytest.skip("root has capabilities")
    tries = ["ls /proc/1/cwd/", "cat /proc/1/environ", "readlink /proc/1/fd/3", "umount /etc/resolv.conf"]
    done = runs.run("sh", "-c", "; ".join(f"{words} && echo {words}" for words in tries) + "; grep CapEff /proc/self/status")
    assert done.stdout.split() == ["CapEff:", "0000000000000000"], done.stdout
