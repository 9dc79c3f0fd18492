"""`tfunnel run` holds a program that wants out, or to stay, and says what it is that the system forbids."""

import ctypes
import errno
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import netlab
import pytest
import runs as runs_module
import topology

CAPTURES = False

SUPPORT = pathlib.Path(topology.REPOSITORY) / "tests/support"
USAGE, NO_PERMISSION, OS_ERROR = 64, 77, 71
TRACED = os.uname().machine == "x86_64"
STREAMS = pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])


def with_closed(streams, command):
    return ["bash", "-c", f'exec "$@" {streams}', "bash", *command]


# --- closed streams ------------------------------------------------------------------------------


@STREAMS
def test_closed_streams_are_no_reason_to_hang(runs, closed):
    command = with_closed(closed, runs.command("sh", "-c", "exit 7", options=["-q"]))
    run = runs.lab.client.start(command, env=runs.environment(), cwd=runs.work)
    assert run.wait() == 7, run.log()


@STREAMS
def test_sigterm_ends_it_with_closed_streams(runs, closed):
    started = os.path.join(runs.work, "started")
    command = with_closed(closed, runs.command("sh", "-c", f"touch {started}; exec sleep 1000", options=["-q"]))
    run = runs.lab.client.start(command, env=runs.environment(), cwd=runs.work)
    netlab.wait_until(lambda: os.path.exists(started), what="the program")
    run.signal(signal.SIGTERM)
    assert run.wait() == -signal.SIGTERM, run.log()


@pytest.mark.parametrize("words", [["proxy"], ["-p", "12300"]], ids=["proxy", "client"])
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "0<&- 1>&-"])
def test_ends_without_a_link_say_so(lab, words, closed):
    done = lab.client.run(with_closed(closed, [topology.tfunnel(), *words]), check=False)
    assert done.returncode == USAGE and "/dev/null" in done.stderr, done.stderr


# --- process 1 -----------------------------------------------------------------------------------

REACH = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 2 + [ctypes.c_void_p] * 2
libc.ptrace.restype = ctypes.c_long

def attempt(name, call):
    try:
        result = call()
        print(name, "reached" if result is None or result >= 0 else os.strerror(ctypes.get_errno()))
    except OSError as problem:
        print(name, problem)

def take_descriptor(number):
    return libc.syscall(438, os.pidfd_open(1), number, 0)

def copy_memory(call):
    buffer = ctypes.create_string_buffer(16)
    class Piece(ctypes.Structure):
        _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
    here, there = Piece(ctypes.addressof(buffer), 16), Piece(ctypes.addressof(buffer), 16)
    return call(1, ctypes.byref(here), ctypes.c_ulong(1), ctypes.byref(there), ctypes.c_ulong(1), ctypes.c_ulong(0))

assert open("/proc/1/comm").read()
attempt("attach", lambda: libc.ptrace(16, 1, None, None))
attempt("seize", lambda: libc.ptrace(0x4206, 1, None, None))
for name in ("mem", "maps", "environ", "auxv", "syscall", "stack"):
    attempt(name, lambda: len(open("/proc/1/" + name, "rb").read(0)))
for name in ("fd", "task/1/fd", "map_files"):
    attempt(name, lambda: len(os.listdir("/proc/1/" + name)))
for name in ("root", "cwd", "exe", "ns/net", "ns/user"):
    attempt(name, lambda: len(os.readlink("/proc/1/" + name)))
for number in range(3, 20):
    attempt(f"descriptor-{number}", lambda: take_descriptor(number))
attempt("read", lambda: copy_memory(libc.process_vm_readv))
attempt("write", lambda: copy_memory(libc.process_vm_writev))
"""


def test_process_1_cannot_be_traced_nor_looked_into(runs):
    """Else the program changes what ends it."""
    done = runs.run("/usr/bin/python3", "-c", REACH)
    assert done.returncode == 0 and "attach" in done.stdout, done.stderr
    assert "reached" not in done.stdout, done.stdout


HOSTILE = r'''
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.ptrace.argtypes = [ctypes.c_long] * 2 + [ctypes.c_void_p] * 2
libc.ptrace.restype = ctypes.c_long
tampered, done = os.pipe()

def take_death_signal_away():
    """By a system call in the name of process 1, which is then held by its tracer, deaf to its descriptors."""
    registers = (ctypes.c_ulonglong * 27)()
    at = ctypes.addressof(registers)
    if libc.ptrace(16, 1, None, None) != 0:  # PTRACE_ATTACH
        return
    os.waitpid(1, 0x40000000)
    libc.ptrace(12, 1, None, at)  # PTRACE_GETREGS
    registers[16] -= 2            # back to its `syscall`
    registers[10], registers[14], registers[13], registers[15] = 157, 1, 0, 2**64 - 1  # prctl(PR_SET_PDEATHSIG, 0)
    libc.ptrace(13, 1, None, at)  # PTRACE_SETREGS
    libc.ptrace(9, 1, None, None)  # PTRACE_SINGLESTEP
    os.waitpid(1, 0x40000000)

if os.fork() == 0:
    os.setsid()
    take_death_signal_away()
    os.write(done, b"x")
    os.close(1), os.close(2)
    time.sleep(1000)
os.read(tampered, 1)
os.kill(0, 9)
'''


@pytest.mark.skipif(not TRACED, reason="written for its registers")
def test_nothing_is_left_when_the_program_takes_the_death_signal_away_and_kills_us(runs):
    traces = runs_module.Traces(runs)
    run = runs.start("/usr/bin/python3", "-c", HOSTILE)
    run.wait(20)
    traces.wait_for_none()


def keep_sockets(pid):
    """Copies of the process's sockets: who holds one hides from the other end that it has been closed."""
    libc = ctypes.CDLL(None)
    owner = os.pidfd_open(pid)
    kept = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            kept.append(libc.syscall(438, owner, int(number), 0))
    os.close(owner)
    return kept


@pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb")
def test_process_1_ends_without_its_signal_and_its_end_of_file(runs):
    """It learns of the end by a descriptor of our process, too, and that one is enough."""
    traces = runs_module.Traces(runs)
    run = runs.start("sh", "-c", "trap '' TERM; echo up; while :; do sleep 1000; done")
    run.wait_for_log("(?m)^up")
    parts = netlab.wait_until(lambda: runs.parts(run.pid), what="all processes")
    # PR_SET_PDEATHSIG, 0.
    call = ["gdb", "-nx", "-batch", "-p", str(parts["init"]), "-ex", "print ((int (*)(int, ...))prctl)(1, 0, 0, 0, 0)"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if "$1 = 0" not in done.stdout:
        pytest.skip("gdb may not do that here: " + done.stderr)
    kept = keep_sockets(run.pid)
    assert kept and min(kept) >= 0
    try:
        run.signal(signal.SIGKILL)
        traces.wait_for_none()
    finally:
        for number in kept:
            os.close(number)


# --- ways out that are no IP ---------------------------------------------------------------------


def ways_out(runs, *options):
    """The report of the program ways_out inside: name -> error."""
    binary = os.path.join(runs.directory, "ways_out")
    subprocess.run(["gcc", "-w", "-o", binary, str(SUPPORT / "ways_out.c")], check=True)
    done = runs.run(binary, options=options)
    assert done.returncode == 0, done.stderr
    return {words[0]: int(words[1]) for words in map(str.split, done.stdout.splitlines())}, done.stderr


def test_sockets_are_unix_ip_or_netlink(runs):
    found, _ = ways_out(runs)
    made = {int(name[7:]) for name, error in found.items() if name.startswith("family-") and error == 0}
    others = {error for name, error in found.items() if name.startswith("family-") and int(name[7:]) not in made}
    assert made <= {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    assert socket.AF_UNIX in made and socket.AF_INET in made
    assert others == {errno.EAFNOSUPPORT}
    assert found["vsock-upper-half"] == errno.EAFNOSUPPORT


def test_terminal_keys_and_io_uring_are_out_of_reach(runs):
    found, _ = ways_out(runs)
    for name in ("tiocsti", "tiocsti-upper-half", "tioclinux"):
        assert found[name] == errno.EPERM, name
    for name in ("keyctl", "request-key", "add-key", "io-uring"):
        assert found[name] == errno.ENOSYS, name


@pytest.mark.skipif(not TRACED, reason="has no 32-bit calls")
def test_32_bit_calls_are_no_way_around(runs):
    found, _ = ways_out(runs)
    names = {name for name in found if name.startswith(("i386-", "x32-"))}
    assert len(names) == 7
    refused = {errno.EAFNOSUPPORT, errno.EPERM, errno.ENOSYS}
    assert {found[name] for name in names} <= refused, found


def test_without_seccomp_it_says_what_is_lost(runs):
    found, said = ways_out(runs, "--no-seccomp", "-q")
    assert found["tiocsti"] == errno.ENOTTY  # standard input is no terminal: the kernel was asked
    assert "--no-seccomp: " in said and "VSOCK" in said


def test_setuid_programs_keep_their_meaning(runs):
    done = runs.run("grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status")
    assert done.stdout.split() == ["NoNewPrivs:", "0", "Seccomp:", "2"], done.stderr


TOOLS = {
    "gdb": ["gdb", "-nx", "-batch", "-ex", "run", "-ex", "print 6 * 7", "--args", "/bin/true"],
    "strace": ["strace", "-f", "-o", "trace", "sh", "-c", "true; true"],
    "bwrap": ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-user", "--unshare-ipc", "--unshare-uts",
              "--unshare-net", "--die-with-parent", "sh", "-c", "exit 0"],
    "unshare": ["unshare", "-U", "-r", "-m", "-n", "true"],
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
def test_debuggers_and_sandboxes_work_inside(runs, tool):
    if not shutil.which(tool):
        pytest.skip(f"no {tool}")
    outside = runs.lab.client.run([*runs.user, *TOOLS[tool]], check=False, env=runs.environment(), cwd=runs.work)
    if outside.returncode != 0:
        pytest.skip("not outside either: " + outside.stderr)
    done = runs.run(*TOOLS[tool])
    assert done.returncode == 0, done.stdout + done.stderr
    assert tool != "gdb" or ("exited normally" in done.stdout and "= 42" in done.stdout), done.stdout


def test_shown_service_is_not_hidden(runs):
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind("/run/docker.sock")
        try:
            for options, seen in ((), False), (("--show", "/run/docker.sock"), True), (("--show", "/var/lib"), False):
                done = runs.run("test", "-S", "/run/docker.sock", options=options)
                assert (done.returncode == 0) == seen, (options, done.stderr)
        finally:
            os.unlink("/run/docker.sock")


# --- where it starts -----------------------------------------------------------------------------


def test_removed_working_directory_is_no_reason_to_refuse(runs):
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    inside = 'ls -A . | wc -l; ls -d ../work 2>&1; touch file 2>/dev/null || exit 7'
    command = [*runs.user, "sh", "-c", script, "sh", *runs.command("sh", "-c", inside)[len(runs.user) :]]
    done = runs.lab.client.run(command, check=False, env=runs.environment(), cwd=runs.work)
    assert done.returncode == 7 and done.stdout.startswith("0\n"), done.stderr


def test_working_directory_that_cannot_be_entered_is_no_reason_to_refuse(runs):
    if not runs.user:
        pytest.skip("there is nobody who may not")
    closed = os.path.join(runs.directory, "closed")
    os.mkdir(closed, 0o700)
    done = runs.run("sh", "-c", "exit 7", cwd=closed)
    assert done.returncode == 7, done.stderr


# --- what forbids it -----------------------------------------------------------------------------


def test_limit_of_processes_is_called_so(runs):
    """Any of our processes may be the one too many: there are five at most, and the link's own."""
    if not runs.user:
        pytest.skip("nothing limits root")
    for limit in range(1, 6):
        command = [*runs.user, "prlimit", f"--nproc={limit}", *runs.command("true")[len(runs.user) :]]
        done = runs.lab.client.run(command, check=False, env=runs.environment())
        assert done.returncode == 0 or "ulimit -u" in done.stderr, (limit, done.stderr)
        assert limit > 1 or done.returncode == OS_ERROR, done.stderr
        assert "container" not in done.stderr


@pytest.mark.parametrize("kind, name", [("user", "user"), ("mnt", "mount"), ("net", "network"), ("pid", "pid")])
def test_limit_of_namespaces_is_the_one_that_is_reached(runs, kind, name):
    script = f"echo 0 > /proc/sys/user/max_{kind}_namespaces; exec {runs.tfunnel} run -- true"
    done = runs.lab.client.run(["unshare", "-U", "-r", "sh", "-c", script], check=False)
    assert done.returncode == NO_PERMISSION, done.stderr
    assert f"no more {name} namespaces" in done.stderr and f"sysctl -w user.max_{kind}_namespaces=" in done.stderr


def changed_root(runs, prepare):
    """tfunnel run in a mount namespace of its own."""
    script = f'root=$(mktemp -d -p {runs.directory}); {prepare}; exec "$0" "$@"'
    command = ["unshare", "-m", "sh", "-c", script, *runs.command("true")]
    return runs.lab.client.run(command, check=False, env=runs.environment(), cwd="/")


@pytest.mark.parametrize("proc", ["", 'umount -l "$root/proc"; '], ids=["proc", "no-proc"])
def test_chroot_is_called_so(runs, proc):
    if not runs.user:
        pytest.skip("chroot takes root")
    done = changed_root(runs, f'mount --rbind / "$root"; {proc}exec chroot "$root" "$0" "$@"')
    assert done.returncode == NO_PERMISSION, done.stderr
    assert "chroot" in done.stderr and "setcap" not in done.stderr, done.stderr
    assert "docker" not in done.stderr, done.stderr


def test_missing_proc_is_called_so(runs):
    if not runs.user:
        pytest.skip("unmounting it takes root")
    done = changed_root(runs, "while umount -l /proc 2>/dev/null; do :; done; [ ! -e /proc/self ] || exec echo visible")
    if done.stdout == "visible\n":
        pytest.skip("it cannot be unmounted here")
    assert done.returncode == NO_PERMISSION and "/proc is not mounted" in done.stderr, done.stderr


FILTERED = """
import ctypes, os, struct, sys
def step(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)
LOAD, EQUAL, SET, RETURN = 0x20, 0x15, 0x45, 0x06
CLONE, NEW_USER = %d, 0x10000000
program = b"".join([step(LOAD, 0, 0, 0), step(EQUAL, 0, 3, CLONE), step(LOAD, 0, 0, 16), step(SET, 0, 1, NEW_USER),
                    step(RETURN, 0, 0, 0x50001), step(RETURN, 0, 0, 0x7fff0000)])
buffer = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("at", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(6, ctypes.addressof(buffer))), 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
""" % {"x86_64": 56}.get(os.uname().machine, 220)


def test_seccomp_filter_is_called_so(runs):
    done = runs.lab.client.run(["/usr/bin/python3", "-c", FILTERED, *runs.command("true")], check=False,
                               env=runs.environment(), cwd="/")
    assert done.returncode == NO_PERMISSION, done.stderr
    assert "seccomp" in done.stderr and "chroot" not in done.stderr and "setcap" not in done.stderr, done.stderr
