"""What a hostile program tries in `tfunnel run`, with as many rights as it can have there: nothing gets out or stays.

The table in tests/README.md names the ways.
"""

import errno
import os
import shutil
import signal
import socket
import subprocess

import netlab
import pytest
import runs as runs_module
import topology

CAPTURES = False

SUPPORT = os.path.join(topology.REPOSITORY, "tests/support")
INTERPRETER = os.path.realpath("/usr/bin/python3")
WHO = pytest.mark.parametrize("who", ["user", "capable", "root"])


def program_of(runs, who):
    """An interpreter that is run by an ordinary user, has all capabilities from its file, or is run by root."""
    if who == "root":
        if os.geteuid() != 0:
            pytest.skip("this is not root")
        runs.user = []
    if who != "capable":
        return INTERPRETER
    if not runs.user or not shutil.which("setcap"):
        pytest.skip("there is no other user here, or no setcap")
    copy = os.path.join(runs.directory, "capable")
    shutil.copy(INTERPRETER, copy)
    if subprocess.run(["setcap", "all=ep", copy], capture_output=True, check=False).returncode != 0:
        pytest.skip("this file system has no capabilities")
    return copy


@pytest.fixture(name="service")
def _service(runs):
    """A service that is hidden from the program."""
    path = os.path.join(runs.directory, "service", "socket")
    os.makedirs(os.path.dirname(path))
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
        os.chmod(path, 0o777)
        made.listen()
        yield path


def try_ways(runs, kind, who, service):
    """name -> "done" or the error."""
    program = program_of(runs, who)
    script = os.path.join(runs.directory, "try_ways.py")
    shutil.copy(os.path.join(SUPPORT, "try_ways.py"), script)
    far = f"/run/netns/{runs.lab.far.name}"
    done = runs.run(program, script, kind, runs.work, service, far, os.getpid(), options=["--hide", service, "-q"])
    found = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0 and found.pop("end") == "done" and found, done.stdout + done.stderr
    return found


def done_of(found):
    return [name for name, how in found.items() if how == "done"]


@WHO
def test_nobody_takes_a_cover_away_or_looks_below_it(runs, service, who):
    found = try_ways(runs, "mounts", who, service)
    left = done_of(found)
    assert not left, left
    assert any(name.startswith("nested-") for name in found), found.get("no-nested-namespace")


@WHO
def test_nobody_configures_the_network_or_enters_another(runs, service, who):
    left = done_of(try_ways(runs, "network", who, service))
    assert not left, left


@WHO
def test_nobody_sets_what_the_kernel_does_for_all(runs, service, who):
    """/proc/sys/kernel/core_pattern names a program that the kernel starts outside of all namespaces."""
    left = done_of(try_ways(runs, "settings", who, service))
    assert not left, left


@WHO
def test_nobody_has_rights_over_the_machine(runs, service, who):
    left = done_of(try_ways(runs, "kernel", who, service))
    assert not left, left


@WHO
def test_nobody_reaches_processes_outside_or_ends_process_1(runs, service, who):
    left = done_of(try_ways(runs, "processes", who, service))
    assert not left, left


def test_root_may_still_do_what_its_programs_need(runs, service):
    """Own files' owners, low ports, other users, what is mounted on top, and its network's settings."""
    if not runs.user:
        pytest.skip("there are no other users here")
    program_of(runs, "root")
    script = ("touch file && chown 1000:1000 file && setpriv --reuid=1000 --clear-groups id -u && mkdir -p top && "
              "mount -t tmpfs none top && mount --bind top top && mount --rbind / top && umount -l top && "
              "chroot / true && sysctl -q -w net.ipv4.ip_default_ttl=63 && "
              "/usr/bin/python3 -c 'import socket; socket.create_server((\"127.0.0.1\", 80))'")
    done = runs.run("sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, "1000\n"), done.stderr
    del service


# --- to stay -------------------------------------------------------------------------------------

STAY = {
    "nested process ids": "unshare -U -r -p -f sh -c 'setsid sleep 1000 & sleep 1000' & sleep 0.2",
    "stopped": "(trap '' TERM; setsid sleep 1000 & kill -STOP $!; sleep 1000) & sleep 0.2",
    "subreaper": 'exec /usr/bin/python3 -c "import ctypes, os; ctypes.CDLL(None).prctl(36, 1)\nif os.fork() == 0:\n'
                 ' os.setsid()\n os.fork()\n os.execlp(\'sleep\', \'sleep\', \'1000\')"',
    # Its parent is ours, outside.
    "sibling": 'exec /usr/bin/python3 -c "import ctypes, os\n'
               'if ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0) == 0: os.execlp(\'sleep\', \'sleep\', \'1000\')"',
    "held by its tracer": 'exec /usr/bin/python3 -c "import ctypes, os, signal\npid = os.fork()\n'
                          'if pid == 0: signal.pause()\nctypes.CDLL(None).ptrace(16, pid, 0, 0)\n'
                          'os.execlp(\'setsid\', \'setsid\', \'-f\', \'sleep\', \'1000\')"',
}  # fmt: skip


@pytest.mark.parametrize("way", STAY)
def test_nothing_stays_whatever_its_parents_are(runs, way):
    if way == "sibling" and os.uname().machine != "x86_64":
        pytest.skip("written for its system calls")
    traces = runs_module.Traces(runs)
    done = runs.run("sh", "-c", "exec > /dev/null 2>&1; " + STAY[way])
    assert done.returncode == 0, done.stderr
    left = traces.difference()
    assert not left, left


def test_program_that_makes_us_its_tracer_goes_on(runs):
    """PTRACE_TRACEME, which software calls that will not be debugged: its parent is a process of ours."""
    program = ("import ctypes, os, signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True))\n"
               "ctypes.CDLL(None).ptrace(0, 0, 0, 0)\nos.kill(os.getpid(), signal.SIGUSR1)\n"
               "ctypes.CDLL(None).ptrace(0, 0, 0, 0)\nos.execlp('sh', 'sh', '-c', 'exit 7')\n")
    run = runs.start("/usr/bin/python3", "-c", program)
    assert run.wait(20) == 7, run.log()
    assert "heard" in run.log()


# Lowers limits of process 1, if it is told to; then says whether the socket gets hidden, and whether that process rests.
WAIT_HIDDEN = f"""
import resource, socket, sys, time
def until(happens):
    deadline = time.monotonic() + {netlab.patient(20)}
    while not (met := happens()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met
def sleeps():
    time.sleep(0.01)
    with open("/proc/1/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"
def rests():
    return all(sleeps() for _ in range(20))
def is_hidden():
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.setblocking(False)
            made.connect(sys.argv[1])
    except BlockingIOError:
        return False
    except OSError:
        return True
for name in sys.argv[2:]:
    resource.prlimit(1, getattr(resource, "RLIMIT_" + name), (0, 0))
print("ready", flush=True)
sys.stdin.readline()
print("hidden" if until(is_hidden) else "reached", flush=True)
print("rests" if until(rests) else "spins", flush=True)
"""


def hear_of_restart(runs, command, path):
    """What WAIT_HIDDEN says when the service at `path` has started (anew)."""
    run = runs.lab.client.start(command, name="run", env=runs.environment(), cwd=runs.work, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    first = run.popen.stdout.readline()
    if os.path.exists(path):
        os.unlink(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as again:
        again.bind(path)
        os.chmod(path, 0o777)
        again.listen()
        second, _ = run.popen.communicate("\n", timeout=netlab.patient(40))
    assert run.wait() == 0, run.log()
    assert first == "ready\n", run.log()
    return second.split()


def test_process_1_does_its_work_under_limits_that_the_program_sets(runs, service):
    """Anybody may lower the limits of his user's processes: prlimit(2)."""
    limits = ["NOFILE", "FSIZE", "SIGPENDING", "MEMLOCK"]
    command = runs.command("/usr/bin/python3", "-c", WAIT_HIDDEN, service, *limits, options=["--hide", service])
    assert hear_of_restart(runs, command, service) == ["hidden", "rests"]


def test_service_that_starts_later_is_hidden_when_nothing_can_be_watched(runs):
    """The system has a limit of watches, which a program of the same user may use up."""
    service = "/run/nscd/socket"
    shutil.rmtree(os.path.dirname(service), ignore_errors=True)
    script = "echo 0 > /proc/sys/user/max_inotify_watches; exec \"$@\""
    words = [runs.tfunnel, "run", "--", "/usr/bin/python3", "-c", WAIT_HIDDEN, service]
    command = ["unshare", "-U", "-r", "sh", "-c", script, "sh", *words]
    assert hear_of_restart(runs, command, service)[0] == "hidden"
    shutil.rmtree(os.path.dirname(service))


def test_settings_of_the_kernel_are_read_only_wherever_they_are_mounted(runs):
    """A chroot(2) has /proc and /sys a second time."""
    program = program_of(runs, "root")
    for kind in ("proc", "sysfs"):
        os.makedirs(os.path.join(runs.directory, kind))
        subprocess.run(["mount", "-t", kind, kind, os.path.join(runs.directory, kind)], check=True)
    script = "import os, sys\nfor p in sys.argv[1:]:\n try: os.open(p, os.O_WRONLY); print('opened', p)\n except OSError as e: print(e.errno)"
    try:
        paths = [f"{runs.directory}/proc/sys/kernel/core_pattern", f"{runs.directory}/sysfs/kernel/mm/ksm/run"]
        done = runs.run(program, "-c", script, *[path for path in paths if os.path.exists(path)], options=["-q"])
    finally:
        for kind in ("proc", "sysfs"):
            subprocess.run(["umount", os.path.join(runs.directory, kind)], check=True)
    assert set(done.stdout.split()) == {str(errno.EROFS)}, done.stdout + done.stderr


def test_setuid_programs_gain_nothing(runs):
    if not runs.user:
        pytest.skip("root gains nothing anyway")
    copy = os.path.join(runs.directory, "setuid")
    shutil.copy("/usr/bin/id", copy)
    os.chmod(copy, 0o4755)
    outside = runs.lab.client.run([*runs.user, copy, "-u"], check=False, env=runs.environment())
    if outside.stdout != "0\n":
        pytest.skip("it means nothing outside either")
    done = runs.run(copy, "-u")
    assert done.stdout == outside.stdout.replace("0", str(1000)), done.stderr


def test_own_filter_lifts_nothing(runs):
    """The strictest answer counts, whatever a later filter says (seccomp(2))."""
    program = ("import ctypes, socket, struct\nlibc = ctypes.CDLL(None)\nlibc.prctl(38, 1, 0, 0, 0)\n"
               "allow = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))\n"
               "class Program(ctypes.Structure): _fields_ = [('n', ctypes.c_ushort), ('at', ctypes.c_void_p)]\n"
               "assert libc.prctl(22, 2, ctypes.byref(Program(1, ctypes.addressof(allow))), 0, 0) == 0\n"
               "try: socket.socket(40, 1)\nexcept OSError as error: print(error.errno)\n")
    assert runs.run("/usr/bin/python3", "-c", program).stdout == "97\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda n: n.name)
def test_signal_to_its_process_group_reaches_us_and_leaves_nothing(runs, number):
    """Which is also the caller's, as without us: a script that started us in its own group hears of it, too."""
    traces = runs_module.Traces(runs)
    run = runs.start("sh", "-c", f"setsid sleep 1000 & echo up; kill -{int(number)} 0; sleep 1000")
    run.wait_for_log("(?m)^up")
    if number == signal.SIGSTOP:
        netlab.wait_until(lambda: "T" in netlab.process_status(run.pid).get("State", "T"), what="the stop")
        run.signal(signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL
    traces.wait_for_none()
