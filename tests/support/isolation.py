"""A private world for tests, as root or as an ordinary user.

`python3 isolation.py COMMAND...` runs COMMAND in private user (when not root), mount, network and
pid namespaces; whatever COMMAND leaves behind dies with it. A pytest run does that once with itself
(see e2e/conftest.py).
"""

import contextlib
import os
import signal
import subprocess
import sys

INSIDE = "TEST_ISOLATED"
STATE = "/run/netlab"
# The proxy's end runs as an ordinary user even if the tests run as root.
USER = "e2e"
USER_ID = 1000

_NAMESPACE_FLAGS = [
    ["-n", "-m", "-p", "-f", "--mount-proc"],
    ["-r", "-U", "-n", "-m", "-p", "-f", "--mount-proc"],
    # Containers that mask parts of /proc refuse a fresh one.
    ["-n", "-m", "-f"],
    ["-r", "-U", "-n", "-m", "-f"],
]


class LabError(RuntimeError):
    pass


def is_isolated():
    return INSIDE in os.environ


def _allowed(flags):
    command = ["unshare", *flags, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _usable_flags():
    """Root needs no user namespace; TEST_USER_NS=1 asks for one all the same."""
    choices = _NAMESPACE_FLAGS
    if os.geteuid() != 0 or os.environ.get("TEST_USER_NS") == "1":
        choices = [flags for flags in choices if "-U" in flags]
    for flags in choices:
        if _allowed(flags):
            return flags
    raise LabError("this machine allows no user or network namespaces")


def isolate(command):
    """Replaces this process by `command` inside private namespaces."""
    inside = [sys.executable, os.path.abspath(__file__), "--inside", *command]
    os.environ[INSIDE] = "1"
    flags = _usable_flags()
    os.execvp("unshare", ["unshare", *flags, "--kill-child", "--", *inside])


def write_private(path, text, mode=0o644):
    """A file of the private /etc or /run, whatever was there before."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)


@contextlib.contextmanager
def replaced(path, text):
    """A file of the private /etc with other contents, for a time."""
    kept = path + ".kept"
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, kept)
    write_private(path, text)
    try:
        yield
    finally:
        os.remove(path)
        with contextlib.suppress(FileNotFoundError):
            os.rename(kept, path)


def _own_etc():
    """Puts a copy of /etc in its place. A mount on one file of it would fall off as soon as the machine renames a
    new version over the old one, as useradd and dpkg do; and so it stays the same while packages are installed."""
    copy = STATE + "/etc"
    os.makedirs(copy)
    # An ordinary user may not read all of it, and files come and go meanwhile: neither matters to the tests.
    subprocess.run(["cp", "-a", "/etc/.", copy], stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["mount", "--bind", copy, "/etc"], check=True)


def _prepare_mounts():
    """A private /run for `ip netns`, and users whose homes and shells bring no surprises."""
    subprocess.run(["mount", "-t", "tmpfs", "netlab", "/run"], check=True)
    for path in ("/run/netns", "/run/sshd", STATE, STATE + "/home"):
        os.makedirs(path, exist_ok=True)
    _own_etc()
    _own_runtime_directory()
    home = STATE + "/home"
    passwd = (
        f"root:x:0:0:root:{home}:/bin/sh\n"
        "sshd:x:103:65534::/run/sshd:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        f"{USER}:x:{USER_ID}:{USER_ID}::{home}:/bin/sh\n"
    )
    write_private("/etc/passwd", passwd)


def _own_runtime_directory():
    """As a login makes it."""
    path = f"/run/user/{USER_ID}"
    os.makedirs(path)
    os.chmod(path, 0o700)
    with contextlib.suppress(OSError):  # a namespace of one id has no other users
        os.chown(path, USER_ID, USER_ID)


def _run_inside(command):
    """Process 1 of the pid namespace: passes signals on, reaps orphans, keeps the exit status."""
    _prepare_mounts()
    child = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child as well
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, _frame: os.kill(child.pid, signum))
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(_run_inside(sys.argv[2:]))
    if len(sys.argv) < 2:
        sys.exit("usage: isolation.py COMMAND...")
    isolate(sys.argv[1:])
