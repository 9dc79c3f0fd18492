"""`tfunnel run` as an ordinary user of the client namespace, with the far end behind a TCP connection over mgmt0."""

import contextlib
import os
import shutil
import signal
import subprocess
import uuid

import isolation
import netlab
import topology

LINK_PORT = 7100
_DROP = ["setpriv", f"--reuid={isolation.USER_ID}", f"--regid={isolation.USER_ID}", "--clear-groups", "--"]
MARK = "TEST_RUN_MARK"


def _works(command):
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


def _read(path):
    with contextlib.suppress(OSError):
        with open(path, "rb") as file:
            return file.read()
    return b""


def processes():
    """pid -> (parent, process group, command line) of all that are alive."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        fields = _read(f"/proc/{entry}/stat").rpartition(b")")[2].split()
        if fields and fields[0] not in (b"Z", b"X"):
            found[int(entry)] = (int(fields[1]), int(fields[2]), _read(f"/proc/{entry}/cmdline"))
    return found


def inner_pid(pid):
    """Its number in the innermost pid namespace; 0 once it is gone."""
    words = netlab.process_status(pid).get("NSpid", "0").split()
    return int(words[-1]) if len(words) > 1 else 0


class Runs:
    def __init__(self, lab):
        self.lab = lab
        self.mark = uuid.uuid4().hex
        self.user = _DROP if _works(_DROP) else []  # a namespace of one id has no other users
        self.directory = os.path.join(isolation.STATE, "run-" + self.mark)
        self.tfunnel = os.path.join(self.directory, "tfunnel")
        os.makedirs(os.path.join(self.directory, "work"))
        # The build may lie where other users cannot look.
        shutil.copy(topology.tfunnel(), self.tfunnel)
        if self.user:
            os.chown(os.path.join(self.directory, "work"), isolation.USER_ID, isolation.USER_ID)
        self.via = f"exec socat - TCP:{topology.FAR_MGMT[4]}:{LINK_PORT}"
        self.far_end = None
        self.extra = {}  # more of the environment

    @property
    def work(self):
        """A directory that the user may write to."""
        return os.path.join(self.directory, "work")

    def start_far_end(self, *options):
        listen = f"TCP-LISTEN:{LINK_PORT},bind={topology.FAR_MGMT[4]},reuseaddr,fork"
        command = ["socat", listen, "EXEC:" + " ".join([topology.tfunnel_proxy(), *options])]
        self.far_end = self.lab.far.start(command, name="far-end")
        netlab.wait_listening(self.lab.far, "tcp", LINK_PORT, process=self.far_end)

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "BASH_FUNC", "TFUNNEL"))}
        path = f"{self.directory}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**kept, "PATH": path, "HOME": self.work, "TMPDIR": self.work, MARK: self.mark, "PS1": "$ ", **self.extra}

    def command(self, *program, options=(), via=True):
        via = ["--via", self.via] if via else []
        return [*self.user, self.tfunnel, "run", *via, *options, "--", *map(str, program)]

    def run(self, *program, options=(), via=True, **more):
        """To the end, whatever the status."""
        more.setdefault("cwd", self.work)
        more.setdefault("stdin", None if "input" in more else subprocess.DEVNULL)
        command = self.command(*program, options=options, via=via)
        return self.lab.client.run(command, check=False, env=self.environment(), **more)

    def start(self, *program, options=(), via=True, **more):
        more.setdefault("cwd", self.work)
        command = self.command(*program, options=options, via=via)
        return self.lab.client.start(command, name="run", env=self.environment(), **more)

    def pids(self):
        """Everything that this object's runs have started."""
        wanted = f"{MARK}={self.mark}".encode()
        return [pid for pid in processes() if wanted in _read(f"/proc/{pid}/environ").split(b"\0")]

    def parts(self, front):
        """The processes of a run by what they do."""
        table = processes()
        children = [pid for pid, (parent, _, _) in table.items() if parent == front]
        init = next((pid for pid in children if inner_pid(pid) == 1), None)
        program = next((pid for pid in children if inner_pid(pid) > 1), None)
        client = next((pid for pid in children if inner_pid(pid) == 0), None)
        link = next((pid for pid, (parent, _, _) in table.items() if client and parent == client), None)
        found = {"front": front, "init": init, "program": program, "client": client, "link": link}
        return found if all(found.values()) else None

    @contextlib.contextmanager
    def enter(self, pid):
        """For this thread: the network namespace of a process, see netlab.network()."""
        with open(f"/proc/{pid}/ns/net", "rb") as namespace, netlab.network(namespace.fileno()):
            yield

    def close(self):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)


def _network_namespaces():
    found = set()
    for pid in processes():
        with contextlib.suppress(OSError):
            found.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
    return found


class Traces:
    """Traces that a run could leave behind; taken before it, compared after it."""

    def __init__(self, runs):
        self.runs = runs
        self.before = self._look()

    def _look(self):
        mounts = [line.split()[4] for line in _read("/proc/self/mountinfo").decode().splitlines()]
        files = [os.path.join(where, name) for where, _, names in os.walk(self.runs.work) for name in names]
        return {"mounts": set(mounts), "files": set(files), "run": set(os.listdir("/run")), "nets": _network_namespaces()}

    def difference(self):
        now = self._look()
        found = {key: now[key] - self.before[key] for key in now if now[key] - self.before[key]}
        left = {pid: processes().get(pid) for pid in self.runs.pids()}
        return {**found, **({"processes": left} if left else {})}

    def wait_for_none(self):
        try:
            netlab.wait_until(lambda: not self.difference(), 10, "clean end")
        except netlab.LabError:
            left = self.difference()
            assert not left, left
