"""Byte streams between a client and a proxy: pipes, socat, a bash coproc, a real sshd, --via."""

import contextlib
import os
import shlex
import signal
import socket

import isolation
import netlab
import topology

CLIENT_COMMAND = f"tfunnel -p {topology.PORT}"
SSHD = "/usr/sbin/sshd"


def write_script(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text + "\n")
    os.chmod(path, 0o755)


class Gate:
    """Shell text that holds a command back until open() is called."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "gate")
        os.mkfifo(self.path)
        self.shell = f"read _ < {self.path};"

    def open(self):
        def reader_waits():
            with contextlib.suppress(OSError):  # ENXIO: nobody reads yet
                return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)

        fd = netlab.wait_until(reader_waits, what="a command at the gate")
        os.write(fd, b"go\n")
        os.close(fd)


class Switch:
    """Shell text that lets a command go on only while the switch is on; it is, at first."""

    def __init__(self, directory, name="switch"):
        self.path = os.path.join(directory, name)
        self.shell = f"test -e {self.path} || exit 3;"
        self.on()

    def on(self):
        with open(self.path, "w", encoding="ascii"):
            pass

    def off(self):
        os.remove(self.path)


class Commands:
    """Two PATH folders, so that scripts say `tfunnel` and `ssh host` exactly as a user does."""

    def __init__(self, lab, keys):
        self.lab = lab
        self.keys = keys
        self.client_bin = os.path.join(lab.directory, "client-bin")
        self.far_bin = os.path.join(lab.directory, "far-bin")
        os.makedirs(self.client_bin)
        os.makedirs(self.far_bin)
        os.symlink(topology.tfunnel(), os.path.join(self.client_bin, "tfunnel"))
        os.symlink(topology.tfunnel_proxy(), os.path.join(self.far_bin, "tfunnel"))
        config = os.path.join(lab.directory, "ssh_config")
        write_script(os.path.join(self.client_bin, "ssh"), f'exec /usr/bin/ssh -F {config} "$@"')
        # `far COMMAND` is the link without ssh: the command simply runs in the other namespace.
        write_script(
            os.path.join(self.client_bin, "far"),
            f'PATH={self.far_path} exec nsenter --net={lab.far.path} sh -c "$*"',
        )
        self._write_ssh_config(config)

    @property
    def client_path(self):
        return f"{self.client_bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    @property
    def far_path(self):
        return f"{self.far_bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    def _write_ssh_config(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write(
                f"""Host host
  HostName {topology.FAR_MGMT[4]}
  Port {topology.SSH_PORT}
  User {isolation.USER}
  IdentityFile {self.keys}/user_key
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""
            )

    def start_sshd(self, authorized_keys=None, address=topology.FAR_MGMT[4]):
        """A real sshd in far. It runs as an ordinary user of a nested user namespace, because a
        user namespace without further ids refuses the setgroups() of a privileged one."""
        config = os.path.join(self.lab.directory, "sshd_config")
        with open(config, "w", encoding="ascii") as file:
            file.write(
                f"""Port {topology.SSH_PORT}
ListenAddress {address}
HostKey {self.keys}/host_key
AuthorizedKeysFile {authorized_keys or self.keys + "/authorized_keys"}
PidFile none
UsePAM no
StrictModes no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
SetEnv PATH={self.far_path}
"""
            )
        nested = ["unshare", "-U", f"--map-user={isolation.USER_ID}", f"--map-group={isolation.USER_ID}"]
        command = [*nested, SSHD, "-D", "-e", "-f", config]
        sshd = self.lab.far.start(command, name="sshd")
        netlab.wait_listening(self.lab.far, "tcp", topology.SSH_PORT, process=sshd)
        return sshd


class Tunnel:
    """A running client and proxy. `client` and `proxy` are Processes where this class started
    them itself (pipe links); with a script between them only `script` is one."""

    def __init__(self, lab, commands):
        self.lab = lab
        self.commands = commands
        self.client = None
        self.proxy = None
        self.script = None

    def _pid(self, namespace, executable):
        return netlab.wait_until(lambda: namespace.find(executable), what=f"{executable} running")[0]

    @property
    def client_pid(self):
        return self._pid(self.lab.client, topology.tfunnel())

    @property
    def proxy_pid(self):
        return self._pid(self.lab.far, topology.tfunnel_proxy())

    def parts(self):
        return [part for part in (self.client, self.proxy, self.script) if part]

    def log(self):
        return "".join(part.log() for part in self.parts())

    def wait_for_log(self, pattern, timeout=10.0):
        found = netlab.re.compile(pattern)
        return netlab.wait_until(
            lambda: found.search(self.log()), timeout, f"{pattern!r} in the tunnel's logs"
        )

    def wait_ready(self, timeout=15.0):
        for kind in ("tcp", "udp"):
            netlab.wait_listening(
                self.lab.client, kind, topology.PORT, timeout, self.client or self.script
            )
        return self

    def statuses(self, timeout=10.0):
        """Exit statuses of client and proxy (pipe links only)."""
        return self.client.wait(timeout), self.proxy.wait(timeout)

    def stop(self):
        """SIGTERM to the client, which tells the proxy; whatever is left is killed."""
        for pid in self.lab.client.find(topology.tfunnel()):
            # It may have ended, or be a start of the link that is just becoming another program.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(netlab.LabError):
            for part in self.parts():
                part.wait(5)
        self.kill()

    def kill(self):
        for part in self.parts():
            part.kill()


class SupervisedTunnel(Tunnel):
    """The client starts the far ends itself, so only `client` is one of our processes."""

    def far_pids(self):
        return self.lab.far.find(topology.tfunnel_proxy())

    def wait_up(self, count=1, timeout=20.0):
        """Waits for so many far ends; returns their pids."""

        def up():
            pids = self.far_pids()
            return len(pids) == count and pids

        return netlab.wait_until(up, timeout, f"{count} far ends")

    def processes(self):
        """Processes that the client started and that are still alive, here (it stays in the client's session) or behind ssh."""
        ours = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]
        return ours + [pid for pid in self.far_pids() if pid not in ours]

    def _is_ours(self, pid):
        with contextlib.suppress(ProcessLookupError):
            return pid != self.client.pid and os.getsid(pid) == self.client.pid and netlab.alive(pid)
        return False

    def wait_nothing_left(self, timeout=10.0):
        netlab.wait_until(lambda: not self.processes(), timeout, "end of all that the client started")


def environment(path):
    """The environment of a command that looks for `tfunnel`, `ssh` and `far` in `path`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "BASH_FUNC"))}
    return {**kept, "PATH": path, "HOME": isolation.STATE + "/home"}


def _start_end(tunnel, role, command, stdin, stdout):
    """One end by `sh -c`; `command` may begin with shell text such as a ulimit."""
    client = role == "client"
    path = tunnel.commands.client_path if client else tunnel.commands.far_path
    process = (tunnel.lab.client if client else tunnel.lab.far).start(
        ["sh", "-c", command],
        name=f"tfunnel-{role}",
        stdin=stdin,
        stdout=stdout,
        env=environment(path),
    )
    setattr(tunnel, role, process)


def _pipe_ends(sockets):
    """(client's stdin, client's stdout, proxy's stdin, proxy's stdout)"""
    if sockets:
        near, far = (end.detach() for end in socket.socketpair())
        return near, near, far, far
    client_in, proxy_out = os.pipe()
    proxy_in, client_out = os.pipe()
    return client_in, client_out, proxy_in, proxy_out


def link_pipe(
    lab,
    commands,
    client_args="",
    proxy_args="",
    client_prefix="",
    proxy_prefix="",
    client_command=CLIENT_COMMAND,
    proxy_command="tfunnel",
    sockets=False,
):
    """Two pipes (or a socketpair) and nothing between: both exit statuses can be seen."""
    tunnel = Tunnel(lab, commands)
    ends = _pipe_ends(sockets)
    try:
        client = f"{client_prefix} exec {client_command} {client_args}"
        proxy = f"{proxy_prefix} exec {proxy_command} {proxy_args}"
        _start_end(tunnel, "client", client, ends[0], ends[1])
        _start_end(tunnel, "proxy", proxy, ends[2], ends[3])
    finally:
        for fd in set(ends):
            os.close(fd)
    return tunnel


def _start_script(lab, commands, command, name):
    tunnel = Tunnel(lab, commands)
    tunnel.script = lab.client.start(command, name=name, env=environment(commands.client_path))
    return tunnel


def link_socat(
    lab, commands, client_command=CLIENT_COMMAND, proxy_command="ssh host tfunnel", client_options=""
):
    """The line of the README, word for word, by a shell."""
    client = f"EXEC:{shlex.quote(client_command)}{client_options}"
    line = f"exec socat {client} EXEC:{shlex.quote(proxy_command)}"
    return _start_script(lab, commands, ["bash", "-c", line], "socat")


def link_coproc(lab, commands, client_command=CLIENT_COMMAND, proxy_command="ssh host tfunnel"):
    script = f"coproc {proxy_command}\n{client_command} <&${{COPROC[0]}} >&${{COPROC[1]}}\n"
    return _start_script(lab, commands, ["bash", "-c", script], "coproc")


def via_command(via, count=1, args=""):
    links = f"--links {count}" if count > 1 else ""
    return f"{CLIENT_COMMAND} --via {shlex.quote(via)} {links} {args}"


def link_via(
    lab, commands, via="far tfunnel", count=1, client_args="", client_prefix="", client_command=None, **options
):
    """A supervised link: the client runs `via` by itself, with nothing on its own stdin and stdout.
    `options` are those of subprocess.Popen."""
    tunnel = SupervisedTunnel(lab, commands)
    command = client_command or via_command(via, count, client_args)
    tunnel.client = lab.client.start(
        ["sh", "-c", f"{client_prefix} exec {command}"],
        name="tfunnel-client",
        env=environment(commands.client_path),
        **options,
    )
    return tunnel
