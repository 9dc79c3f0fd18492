"""The systems under test and their references, each started fresh for every sample.

Each is a context manager that yields a Running: what to connect to, and whose CPU time counts.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile

import isolation
import links
import netlab
import system_rules
import topology
import ups

PROBE_PORT = 7100
DATAGRAM_PORT = 7150
WEB_PORT = 7200
SHADOWSOCKS_PORT = 8388
SHADOWSOCKS_CIPHER = "aes-128-gcm"
GIB = 1 << 30
FAR = topology.FAR[4]
NEAR_BY = topology.FAR_MGMT[4]  # the same servers past every tunnel


def program(name):
    return os.path.join(os.environ["BENCH_BUILD"], name)


def need(*names):
    for name in names:
        if not shutil.which(name):
            raise isolation.LabError(f"{name} is not installed")


class Bench:
    """A lab, its servers, and how long things may take."""

    def __init__(self, lab, commands, options):
        self.lab = lab
        self.commands = commands
        self.quick = options.quick
        self.directory = lab.directory

    def seconds(self, usual):
        return usual * 0.4 if self.quick else usual

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LD_")}
        return {**kept, "PATH": self.commands.client_path, "HOME": isolation.STATE + "/home"}

    def traffic(self, to, command, *words, **options):
        return self.lab.traffic(self.lab.client, command, *words, to=to, **options)


@contextlib.contextmanager
def bench(options, sshd=False, probe=False, datagrams=False, web=False):
    with tempfile.TemporaryDirectory(prefix="tfunnel-bench-") as directory:
        topology.make_ssh_keys(directory)
        lab = topology.make_lab(os.path.join(directory, "lab"))
        try:
            made = Bench(lab, links.Commands(lab, directory), options)
            lab.serve()
            if sshd:
                need("ssh", links.SSHD)
                made.commands.start_sshd()
            if probe:
                _serve(lab, "load_probe", PROBE_PORT)
            if datagrams:
                _serve(lab, "udp_load", DATAGRAM_PORT)
            if web:
                start_web(made)
            yield made
        finally:
            lab.close()


def _serve(lab, name, port):
    lab.far.start([program(name), "serve", "--port", str(port)], name=name).wait_for_log("ready")


def start_web(made):
    """nginx with a 100-byte answer; its own folders are private to this run."""
    need("nginx")
    os.makedirs("/var/lib/nginx", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "bench", "/var/lib/nginx"], check=True)
    path = os.path.join(made.directory, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(
            f"""user root; daemon off; worker_processes 1; pid {made.directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600; tcp_nodelay on;
  server {{ listen {WEB_PORT} backlog=4096; location / {{ return 200 "{'x' * 100}"; }} }}
}}
"""
        )
    web = made.lab.far.start(["nginx", "-c", path, "-e", "stderr"], name="nginx")
    netlab.wait_listening(made.lab.far, "tcp", WEB_PORT, process=web)


class Running:
    """A started system. `near` and `far` are the pids of its two ends."""

    def __init__(self, to=FAR, near=(), far=(), script=None):
        self.to = to
        self.near = list(near)
        self.far = list(far)
        self.script = script

    def cpu_seconds(self):
        return sum(netlab.cpu_seconds(pid) for pid in self.near + self.far)


def _warm_up(made, to=FAR):
    made.traffic(to, "rtt", "--count", 3, timeout=60)


@contextlib.contextmanager
def direct(_made):
    yield Running(to=NEAR_BY)


@contextlib.contextmanager
def tfunnel(made, **options):
    tunnel = links.link_pipe(made.lab, made.commands, **options)
    try:
        tunnel.wait_ready()
        _warm_up(made)
        yield Running(near=[tunnel.client.pid], far=[tunnel.proxy.pid])
    finally:
        tunnel.stop()


@contextlib.contextmanager
def relay(made, name):
    """Good for one connection. Its processes stay as zombies, so their CPU time can be read."""
    tunnel = links.link_pipe(
        made.lab,
        made.commands,
        client_command=f"{program(name)} near {topology.PORT}",
        proxy_command=f"{program(name)} far",
    )
    try:
        netlab.wait_listening(made.lab.client, "tcp", topology.PORT)
        yield Running(near=[tunnel.client.pid], far=[tunnel.proxy.pid])
    finally:
        tunnel.kill()


def splice_relay(made):
    return relay(made, "splice_relay")


def copy_relay(made):
    return relay(made, "copy_relay")


@contextlib.contextmanager
def shadowsocks(made):
    """ss-redir by TPROXY, ss-server behind the direct veth pair."""
    need("ss-redir", "ss-server")
    common = ["-k", "bench", "-m", SHADOWSOCKS_CIPHER, "-t", "600", "-u", "--no-delay"]
    port = ["-p", str(SHADOWSOCKS_PORT)]
    server = made.lab.far.start(["ss-server", "-s", "0.0.0.0", *port, *common])
    client = made.lab.client.start(
        ["ss-redir", "-s", NEAR_BY, *port, "-b", "0.0.0.0", "-l", str(topology.PORT), "-T", *common]
    )
    try:
        netlab.wait_listening(made.lab.far, "tcp", SHADOWSOCKS_PORT, process=server)
        netlab.wait_listening(made.lab.client, "tcp", topology.PORT, process=client)
        _warm_up(made)
        yield Running(near=[client.pid], far=[server.pid])
    finally:
        client.kill()
        server.kill()


@contextlib.contextmanager
def _script(made, command, name):
    """A link made by a command line; whatever it started in either namespace ends with it."""
    tunnel = links.Tunnel(made.lab, made.commands)
    tunnel.script = made.lab.client.start(command, name=name, env=made.environment())
    try:
        yield tunnel
    finally:
        tunnel.stop()


def _coproc(client, proxy):
    # exec: the shell must not keep the pipe open when the client closes it.
    return ["bash", "-c", f"coproc {proxy}\nexec {client} <&${{COPROC[0]}} >&${{COPROC[1]}}\n"]


def tfunnel_over_sockets(made):
    return tfunnel(made, sockets=True)


@contextlib.contextmanager
def tfunnel_over_socat(made):
    """As the manual's first example has it, with a command that needs no network for `ssh`."""
    need("socat")
    with _script(made, ["socat", f"EXEC:{links.CLIENT_COMMAND}", "EXEC:far tfunnel"], "socat") as tunnel:
        tunnel.wait_ready()
        _warm_up(made)
        yield Running(near=[tunnel.client_pid], far=[tunnel.proxy_pid], script=tunnel.script)


@contextlib.contextmanager
def tfunnel_over_ssh(made):
    with _script(made, _coproc(links.CLIENT_COMMAND, "ssh host tfunnel"), "coproc") as tunnel:
        tunnel.wait_ready()
        _warm_up(made)
        yield Running(script=tunnel.script)


@contextlib.contextmanager
def tfunnel_via_ssh(made, count=1):
    """The client starts `count` ssh commands by itself."""
    tunnel = links.link_via(made.lab, made.commands, via="ssh host tfunnel", count=count)
    try:
        tunnel.wait_ready()
        tunnel.wait_up(count)
        _warm_up(made)
        yield Running(near=[tunnel.client.pid], far=tunnel.far_pids())
    finally:
        tunnel.stop()


@contextlib.contextmanager
def _without_the_labs_rules(made):
    made.lab.client.run(["nft", "delete", "table", "inet", "tfunnel_test"])
    try:
        yield
    finally:
        made.lab.client.nft(topology.capture_rules(topology.PORT))


@contextlib.contextmanager
def rules_by_hand(made):
    """For all that the machine sends, as the manual has it for `-p` with a supervised link."""
    script = [system_rules.example("rules-nft.sh")]
    with _without_the_labs_rules(made):
        made.lab.client.run([*script, "up", "--port", str(topology.PORT)])
        tunnel = links.link_via(made.lab, made.commands, via="far tfunnel")
        try:
            tunnel.wait_ready()
            tunnel.wait_up(1)
            _warm_up(made)
            yield Running(near=[tunnel.client.pid], far=tunnel.far_pids())
        finally:
            tunnel.stop()
            made.lab.client.run([*script, "down"])


@contextlib.contextmanager
def rules_by_up(made):
    with _without_the_labs_rules(made):
        up = ups.Up(made.lab, made.commands)
        running = up.start()
        try:
            _warm_up(made)
            yield Running(near=[running.pid], far=made.lab.far.find(topology.tfunnel_proxy()))
        finally:
            up.run("down")
            running.wait()


@contextlib.contextmanager
def splice_relay_over_ssh(made):
    name = program("splice_relay")
    command = _coproc(f"{name} near {topology.PORT}", f"ssh host {name} far")
    with _script(made, command, "coproc") as tunnel:
        netlab.wait_listening(made.lab.client, "tcp", topology.PORT)
        yield Running(script=tunnel.script)
        tunnel.kill()


def emulator(rate, delay_ms=20, buffer=1 << 20, schedule=""):
    words = [program("link_emulator"), "--rate", f"{rate:g}", "--delay-ms", f"{delay_ms:g}", "--buffer", str(buffer)]
    return words + (["--schedule", schedule] if schedule else [])


@contextlib.contextmanager
def tfunnel_over_emulator(made, rate, **line):
    command = [*emulator(rate, **line), "--", *links.CLIENT_COMMAND.split(), "--", "far", "tfunnel"]
    with _script(made, command, "emulator") as tunnel:
        tunnel.wait_ready()
        _warm_up(made)
        yield Running(script=tunnel.script)


@contextlib.contextmanager
def sshuttle(made, *words, through=()):
    """sshuttle as root with its nat method. Its `ssh` runs the far end in the other namespace,
    over the same kind of link that tfunnel gets: no encryption, and the emulator if given."""
    need("sshuttle", "iptables")
    ssh = os.path.join(made.directory, "sshuttle-ssh")
    inner = f"nsenter --net={made.lab.far.path} sh -c \"$*\""
    line = " ".join([*through, "--", inner]) if through else inner
    links.write_script(ssh, f'while [ "$1" != -- ]; do shift; done; shift\nexec {line}')
    others = set(made.lab.client.pids() + made.lab.far.pids())
    made.lab.client.run(["nft", "delete", "table", "inet", "tfunnel_test"])  # it captures by itself
    started = made.lab.client.start(
        ["sshuttle", "-e", ssh, "-r", "host", "--method=nat", *words, f"{FAR}/32"], env=made.environment()
    )

    def processes(namespace):
        return [pid for pid in namespace.pids() if pid not in others and netlab.alive(pid)]

    try:
        started.wait_for_log("Connected to server", 30)
        _warm_up(made)
        yield Running(near=[started.pid], far=processes(made.lab.far), script=started)
    finally:
        with contextlib.suppress(isolation.LabError):
            started.terminate()  # a helper of it still takes the rules away
            netlab.wait_until(lambda: not processes(made.lab.client), what="end of sshuttle")
        started.kill()
        made.lab.client.nft(topology.capture_rules(topology.PORT))
