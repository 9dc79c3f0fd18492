"""Network namespaces without root (see isolation.py), and processes and sockets in them."""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time

from isolation import LabError

# --- waiting -----------------------------------------------------------------------------------

# How many times slower than usual a loaded machine may be. It costs nothing: a wait ends with what it waits for.
PATIENCE = 8


def patient(seconds):
    """How long to wait for what takes less than `seconds` on an idle machine, before it counts as never."""
    return seconds * PATIENCE


# Far above what happens at once on a loaded machine, far below the time-outs of connections.
AT_ONCE_MS = patient(1000)


def wait_until(predicate, timeout=10.0, what="condition", interval=0.01):
    """Calls `predicate` until it returns something true, and returns that. `timeout` is an idle machine's."""
    deadline = time.monotonic() + patient(timeout)
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"no {what} after {patient(timeout)} s")
        time.sleep(interval)


# --- processes ---------------------------------------------------------------------------------


class Process:
    """A process group in a namespace, with its stderr (and stdout, if not taken) in a log file."""

    def __init__(self, popen, log_path, name):
        self.popen = popen
        self.log_path = log_path
        self.name = name

    @property
    def pid(self):
        return self.popen.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_log(self, pattern, timeout=10.0):
        found = re.compile(pattern)
        return wait_until(
            lambda: found.search(self.log()), timeout, f"{pattern!r} in the log of {self.name}"
        )

    def wait_for_table(self, pattern, timeout=10.0):
        """Asks for the table of flows (SIGUSR1) until it says that: what ended here may not have ended there yet."""
        found = re.compile(pattern)

        def says_so():
            before = len(self.log())
            self.signal(signal.SIGUSR1)
            wait_until(lambda: "buffered:" in self.log()[before:], what=f"the table of {self.name}")
            return found.search(self.log(), before)

        return wait_until(says_so, timeout, f"{pattern!r} in the table of {self.name}", interval=0.1)

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=10.0):
        """The exit status, negative for a signal. `timeout` is an idle machine's."""
        try:
            return self.popen.wait(patient(timeout))
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} did not end in {patient(timeout)} s") from None

    def signal(self, number):
        """Returns after the death of what this kills: others see the end of its descriptors before it is a zombie,
        and who asks then whether it runs would be told yes."""
        self.popen.send_signal(number)
        if number == signal.SIGKILL:
            self.wait()

    def terminate(self, timeout=10.0):
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                # Bytes that it did not read any more.
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def process_status(pid):
    """/proc/PID/status as a dictionary; empty once the process is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {} if status.get("State", "Z").startswith(("Z", "X")) else status


def alive(pid):
    return bool(process_status(pid))


def resident_kib(pid):
    return int(process_status(pid)["VmRSS"].split()[0])


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- namespaces --------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def network(fd):
    """Moves this thread into a network namespace: sockets and processes made here belong to it."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _setns(fd)
    try:
        yield
    finally:
        _setns(before)
        os.close(before)


class Namespace:
    """One network namespace, and what runs in it."""

    def __init__(self, name, log_dir):
        self.name = name
        self.log_dir = str(log_dir)
        self.path = f"/run/netns/{name}"
        self.processes = []
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.stat(self.path).st_ino
        self.ip("link set lo up")

    def enter(self):
        """See network()."""
        return network(self.fd)

    def socket(self, family, kind, bind=None, timeout=patient(10)):
        with self.enter():
            made = socket.socket(family, kind)
        made.settimeout(timeout)
        if bind:
            made.bind(bind)
        return made

    def connect(self, address, port, timeout=patient(10)):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.socket(family, socket.SOCK_STREAM, timeout=timeout)
        made.connect((address, port))
        return made

    def ip(self, *lines):
        """Each line is the rest of an `ip` command; those that start with -6 run last."""
        rest = [line for line in lines if not line.startswith("-6 ")]
        six = [line[3:] for line in lines if line.startswith("-6 ")]
        for options, batch in (([], rest), (["-6"], six)):
            if batch:
                self.run(["ip", *options, "-batch", "-"], input="\n".join(batch) + "\n")

    def nft(self, text):
        self.run(["nft", "-f", "-"], input=text)

    def sysctl(self, key, value):
        with self.enter(), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def run(self, command, check=True, timeout=60, **options):
        """Runs to the end and returns what subprocess.run does, as text. `timeout` is an idle machine's."""
        with self.enter():
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=patient(timeout), check=False, **options
            )
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: {command} gave {done.returncode}\n{done.stderr}{done.stdout}")
        return done

    def json(self, command, **options):
        return json.loads(self.run(command, **options).stdout)

    def start(self, command, name=None, **options):
        """Starts a process in a group of its own; stdout and stderr go to its log by default."""
        name = name or os.path.basename(command[0])
        path = os.path.join(self.log_dir, f"{self.name}-{len(self.processes)}-{name}.log")
        with open(path, "wb") as log, self.enter():
            options.setdefault("stdin", subprocess.DEVNULL)
            options.setdefault("stdout", log)
            options.setdefault("stderr", log)
            popen = subprocess.Popen(command, start_new_session=True, **options)
        process = Process(popen, path, name)
        self.processes.append(process)
        return process

    def pids(self):
        """Everything alive in the namespace, also what left its process group."""
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and os.stat(f"/proc/{entry}/ns/net").st_ino == self.inode:
                    found.append(int(entry))
        return found

    def find(self, executable):
        """The pids that run this very file here."""
        wanted = os.path.realpath(executable)
        found = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == wanted:
                    found.append(pid)
        return found

    def _table(self, kind):
        with self.enter(), open(f"/proc/thread-self/net/{kind}", encoding="ascii") as file:
            return [line.split() for line in file.readlines()[1:]]

    def sockets(self, kind):
        """(local port, state, inode) of all tcp or udp sockets, both families."""
        rows = self._table(kind) + self._table(kind + "6")
        return [(int(row[1].rsplit(":", 1)[1], 16), int(row[3], 16), int(row[9])) for row in rows]

    def listens(self, kind, port):
        states = {"tcp": 10, "udp": 7}
        return any(row[:2] == (port, states[kind]) for row in self.sockets(kind))

    def close(self):
        for process in self.processes:
            if process.running():
                process.kill()
        own = os.getpid()
        for pid in self.pids():
            if pid != own:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.fd)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


def wait_listening(namespace, kind, port, timeout=10.0, process=None):
    """Waits for a listener; gives up at once if the process that should listen has ended."""

    def ready():
        if process and not process.running():
            raise LabError(f"{process.name} ended with {process.popen.returncode}:\n{process.log()}")
        return namespace.listens(kind, port)

    wait_until(ready, timeout, f"{kind} listener on port {port} in {namespace.name}")
