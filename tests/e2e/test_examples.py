"""The examples must do what they say, and leave nothing behind."""

import glob
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile

import isolation
import netlab
import pytest
import system_rules
import topology
from system_rules import EXAMPLES, FAMILIES, OUTSIDE, example, state

SCRIPTS = sorted(glob.glob(EXAMPLES + "/*.sh"))
assert SCRIPTS, "a test of each of none would be skipped"
PORT = 7100
USAGE = 64
WRONG_NETWORKS = ["intranet", "intra.net", "10.0.0.0/99", "10.0.0.256", "10.0.0", "10.0.0.1-10.0.0.9", "010.0.0.1",
                  "10.0.0.0/255.0.0.0", "fd00::/129", "fd00:::1", "::ffff:300.0.0.1", "abc:", "default"]
WRONG_PORTS = ["0", "65536", "99999", "many", "-1", "1.5", "12300x", "080x", "4294979596"]


@pytest.fixture
def lab(tmp_path):
    made = system_rules.make_lab(tmp_path / "lab")
    yield made
    made.close()


@pytest.fixture
def environment(commands):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "BASH_FUNC", "SUDO_"))}
    return {
        **kept,
        "PATH": commands.client_path,
        "HOME": isolation.STATE + "/home",
        "TFUNNEL": topology.tfunnel(),
    }


def start(lab, environment, *command, namespace=None):
    return (namespace or lab.client).start(list(command), env=environment)


def check_traffic(lab, sources=("local", "forwarded")):
    for source in map(lab.source, sources):
        for family in FAMILIES:
            lab.traffic(source, "flows", "--count", 5, to=topology.FAR[family])
            lab.traffic(source, "udp-rtt", "--count", 5, to=topology.FAR[family])
    assert lab.escaped_packets() == 0


# --- every script --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCRIPTS, ids=os.path.basename)
def test_shellcheck_finds_nothing(path):
    command = ["shellcheck", "-x", "-P", "SCRIPTDIR", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [p for p in SCRIPTS if "common" not in p], ids=os.path.basename)
def test_help_names_the_script(path):
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert os.path.basename(path) in done.stdout
    assert not done.stderr


# --- quickstart ----------------------------------------------------------------------------------


def test_quickstart_demonstrates(environment):
    done = subprocess.run(
        [example("quickstart.sh")], env=environment, capture_output=True, text=True, timeout=netlab.patient(60),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("TCP over IPv4", "TCP over IPv6", "UDP over IPv4", "UDP over IPv6"):
        assert re.search(line + r" +\S+ +round trip [0-9.]+ ms", done.stdout)
    assert len(re.findall(r"load +\S+ +\d+ MB/s", done.stdout)) == 2
    assert "reset after" in done.stdout
    assert not done.stderr


def test_quickstart_over_ssh(lab, commands, server, environment):
    del server
    commands.start_sshd()
    before = state(lab.client)
    script = start(lab, environment, example("quickstart.sh"), "host")
    script.wait_for_log("now goes through host", 20)
    check_traffic(lab)
    os.killpg(script.pid, signal.SIGINT)
    assert script.wait() in (0, 130)  # the tunnel or the script may be first to end
    assert "this machine is as before" in script.log()
    assert state(lab.client) == before
    assert not lab.far.find(topology.tfunnel_proxy())


def test_quickstart_runs_one_program_through_a_host(lab, commands, server, environment):
    del server
    commands.start_sshd()
    flows = [topology.traffic(), "flows", "--count", "5", "--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    script = start(lab, environment, example("quickstart.sh"), "host", "--", *flows)
    assert script.wait(30) == 0
    assert "connected to" in script.log()
    assert lab.escaped_packets() == 0
    assert not lab.far.find(topology.tfunnel_proxy())


def test_quickstart_says_that_tfunnel_is_missing(lab, commands, environment):
    commands.start_sshd()
    os.unlink(os.path.join(commands.far_bin, "tfunnel"))
    before = state(lab.client)
    script = start(lab, environment, example("quickstart.sh"), "host")
    assert script.wait(20) == 1
    assert "there is no tfunnel in the PATH on host" in script.log()
    assert state(lab.client) == before


def test_quickstart_says_that_ssh_failed(lab, environment):
    script = start(lab, environment, example("quickstart.sh"), "host")  # nobody listens
    assert script.wait(20) == 1
    assert "ssh could not connect to host" in script.log()


def test_quickstart_wants_root(environment):
    command = ["unshare", "-U", example("quickstart.sh"), "host"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"needs root: sudo .*quickstart.sh host", done.stderr)


# --- rules ---------------------------------------------------------------------------------------


@pytest.fixture(params=system_rules.SCRIPTS)
def rules(request, lab):
    """rules(words...) runs the script; what it did is undone and compared at the end."""
    before = state(lab.client)
    yield lambda *words: lab.client.run([example(request.param), *words])
    for _ in range(2):
        lab.client.run([example(request.param), "down"])
        assert state(lab.client) == before


def test_rules_capture_everything(lab, server, rules, start_tunnel):
    del server
    rules("up")
    rules("up")
    start_tunnel()
    check_traffic(lab)


def test_rules_leave_exclusions_alone(lab, rules, start_tunnel):
    other = topology.FAR_OTHER
    rules("up", "--link", other[4], "--exclude", "2001:db8:f::11/128")
    start_tunnel()
    for family in FAMILIES:
        before = lab.escaped_packets()
        with pytest.raises(OSError):
            lab.client.connect(other[family], PORT, timeout=0.3)
        assert lab.escaped_packets() > before
    lab.client.run(["nft", "reset", "counter", "inet", "tfunnel_test", "escaped"])


def test_rules_drop_when_no_tunnel_runs(lab, rules):
    rules("up")
    for family in FAMILIES:
        with pytest.raises(OSError):
            lab.client.connect(topology.FAR[family], PORT, timeout=0.3)
    assert lab.escaped_packets() == 0


def test_rules_obey_port_and_mark(lab, server, rules, start_tunnel):
    del server
    rules("up", "--port", "12345", "--fwmark", "77")
    tunnel = start_tunnel(client_command="tfunnel -p 12345 --fwmark 77", ready=False)
    netlab.wait_listening(lab.client, "udp", 12345, process=tunnel.client)
    check_traffic(lab)


def knows_other_users():
    """A user namespace made by an ordinary user has one user only."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return int(file.read().split()[2]) > 1


def test_rules_for_one_user(lab, server, rules, start_tunnel):
    del server
    rules("up", "--user", "root")
    start_tunnel()
    check_traffic(lab, sources=["local"])
    if not knows_other_users():
        return
    rules("up", "--user", "nobody")
    with pytest.raises(OSError):
        lab.client.connect(topology.FAR[4], topology.SERVER_PORT, timeout=0.3)
    lab.client.run(["nft", "reset", "counter", "inet", "tfunnel_test", "escaped"])


@pytest.mark.parametrize("family", FAMILIES)
def test_rules_let_answers_to_the_outside_pass(lab, rules, start_tunnel, family):
    """Somebody outside connects to this machine: the answers go back the way the question came."""
    rules("up")
    start_tunnel()
    here = system_rules.CLIENT_MGMT[family]
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with lab.client.socket(kind, socket.SOCK_STREAM, (here, PORT)) as listener:
        listener.listen()
        with lab.far.socket(kind, socket.SOCK_STREAM, (OUTSIDE[family], 0)) as visitor:
            visitor.connect((here, PORT))
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"welcome")
            assert visitor.recv(7) == b"welcome"
    with lab.client.socket(kind, socket.SOCK_DGRAM, (here, PORT)) as server:
        with lab.far.socket(kind, socket.SOCK_DGRAM, (OUTSIDE[family], 0)) as visitor:
            visitor.sendto(b"anybody?", (here, PORT))
            _, source = server.recvfrom(100)
            server.sendto(b"yes", source)
            answer, peer = visitor.recvfrom(100)
    assert answer == b"yes" and peer[:2] == (here, PORT)


@pytest.mark.parametrize("family", FAMILIES)
def test_rules_leave_existing_connections_alone(lab, rules, start_tunnel, family):
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with lab.far.socket(kind, socket.SOCK_STREAM, (OUTSIDE[family], PORT)) as listener:
        listener.listen()
        with lab.client.connect(OUTSIDE[family], PORT) as old:
            accepted, _ = listener.accept()
            with accepted:
                rules("up")
                start_tunnel()
                old.sendall(b"still there?")
                assert accepted.recv(12) == b"still there?"
                accepted.sendall(b"yes")
                assert old.recv(3) == b"yes"


@pytest.mark.parametrize("family", FAMILIES)
def test_rules_capture_answers_to_a_peer_that_spoke_first(lab, rules, start_tunnel, family):
    """An application behind the tunnel answers a peer which it never wrote to (a game, WebRTC)."""
    rules("up")
    start_tunnel()
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    first, second = (topology.FAR[family], PORT), (topology.FAR_OTHER[family], PORT)
    with (
        lab.client.socket(kind, socket.SOCK_DGRAM) as app,
        lab.far.socket(kind, socket.SOCK_DGRAM, first) as known,
        lab.far.socket(kind, socket.SOCK_DGRAM, second) as new,
    ):
        app.sendto(b"here I am", first)
        _, mapped = known.recvfrom(100)
        new.sendto(b"hello", mapped)
        greeting, peer = app.recvfrom(100)
        assert greeting == b"hello"
        app.sendto(b"hello yourself", peer)
        answer, source = new.recvfrom(100)
        assert answer == b"hello yourself" and source[1] == mapped[1]
    assert lab.escaped_packets() == 0


@pytest.mark.parametrize("name", system_rules.SCRIPTS)
def test_rules_stay_as_they_are_after_a_mistake(lab, name):
    lab.client.run([example(name), "up", "--exclude", "10.0.0.0/8"])
    before = state(lab.client)
    for words in (
        ["sideways"],
        ["down", "--port"],
        ["up", "--nonsense"],
        ["up", "--link"],
        ["up", "--link", "--user"],
        ["up", "--link", "nosuch.invalid"],
        ["up", "--link", "user@192.0.2.1"],
        ["up", "--link", "192.0.2.1:22"],
        ["up", "--link", "22"],
        ["up", "--user", "nobody-here"],
        *(["up", "--exclude", word] for word in WRONG_NETWORKS),
        *(["up", option, word] for option in ("--port", "--exclude-port") for word in WRONG_PORTS),
        *(["up", "--fwmark", word] for word in ("0", "1", "0x1", "4294967296", "0x100000000", "3/3", "three")),
    ):
        done = lab.client.run([example(name), *words], check=False)
        assert done.returncode == USAGE, (words, done.stderr)
        assert words[-1] in done.stderr, words
        assert len(done.stderr.splitlines()) == 1, (words, done.stderr)
        assert state(lab.client) == before, words


def test_rules_say_what_is_left_to_do(lab, rules, start_tunnel):
    assert "now start tfunnel -p 12345 --fwmark 77\n" in rules("up", "--port", "12345", "--fwmark", "0x4d").stdout
    said = rules("up", "--port", str(topology.PORT))
    assert f"capturing; now start tfunnel -p {topology.PORT}\n" in said.stdout
    assert "no --link" in said.stderr
    start_tunnel()
    said = rules("up", "--port", str(topology.PORT), "--link", topology.FAR_MGMT[4])
    assert "capturing" in said.stdout and "now start" not in said.stdout
    assert "no --link" not in said.stderr


@pytest.mark.parametrize("before", ["", "add table ip mangle; add table ip6 mangle"])
def test_iptables_tables_that_up_made_are_removed_by_down(before):
    """And those of others stay; in a namespace of its own, since the lab's client has rules of somebody else."""
    rules = example("rules-iptables.sh")
    script = f"""
set -e
ip link set lo up
nft '{before}'
nft list tables > before
{rules} up
{rules} up --port 12345
{rules} down
{rules} up
{rules} down
nft list tables | diff before - >&2
"""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["unshare", "-n", "bash", "-c", script], capture_output=True, text=True, check=False,
                              cwd=directory)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["rules-nft.sh", "up"], ["rules-iptables.sh", "down"],
                                   ["gateway.sh", "lo", "--", "true"]], ids=lambda words: words[0])
def test_script_that_needs_root_says_so_first(words):
    script, *rest = words
    command = ["unshare", "-U", "env", "PATH=/usr/bin:/bin", example(script), *rest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs root" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("words", [
    ["return-rules.sh", "sideways"], ["return-rules.sh", "up", "x"], ["return-rules.sh", "down", "--port"],
    *([f"{kind}-over-ssh.sh", *rest] for kind in ("socat", "coproc")
      for rest in (["--nonsense"], ["host", "port"], ["host", "0"], ["host", ""], ["host", "12300", "more"], ["a b"])),
    ["serial-line.sh", "sideways"], ["serial-line.sh", "proxy", "/dev/tty", "sane"], ["serial-line.sh", "proxy", "/dev/tty", ""],
    ["serial-line.sh", "client", "/dev/tty", "9600", "65536"], ["serial-line.sh", "client"], ["serial-line.sh", "pair", "one"],
    ["gateway.sh", "--nonsense"], ["quickstart.sh", "--nonsense"], ["quickstart.sh", ""], ["quickstart.sh", "user@host", "curl"],
    ["quickstart.sh", "user@host", "--"], ["rules-nft.sh", "up", "--port", "1", "--port", "2"],
    ["rules-iptables.sh", "up", "--fwmark", "5", "--fwmark", "5"], ["rules-nft.sh", "up", "--exclude", "a\nb\x1b[31m"],
], ids=ascii)
def test_script_names_the_word_that_it_cannot_use(words):
    """Before it starts anything: ssh, a far end, rules."""
    script, *rest = words
    done = subprocess.run(["unshare", "-n", example(script), *rest], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=netlab.patient(20))
    assert done.returncode == USAGE, done.stderr
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and "\x1b" not in done.stderr, done.stderr
    assert (rest[-1] if rest[-1].isprintable() else "a?b?[31m") in done.stderr, done.stderr


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["socat-over-ssh.sh", "coproc-over-ssh.sh"])
def test_script_over_ssh(lab, commands, server, environment, script):
    del server
    commands.start_sshd()
    lab.capture()
    process = start(lab, environment, example(script), "host")
    process.wait_for_log("connected to", 20)
    for source in ("local", "forwarded"):
        lab.traffic(lab.source(source), "flows", "--count", 20)
        lab.traffic(lab.source(source), "udp-rtt", "--count", 20)
    process.signal(signal.SIGTERM)
    process.wait()
    netlab.wait_until(lambda: not lab.far.find(topology.tfunnel_proxy()), what="end of the proxy")


def test_serial_line(lab, commands, server, environment, tmp_path):
    del server
    lab.capture()
    near, far = str(tmp_path / "near"), str(tmp_path / "far")
    line = start(lab, environment, example("serial-line.sh"), "pair", near, far)
    netlab.wait_until(lambda: os.path.exists(far), what="the line")
    there = {**environment, "PATH": commands.far_path}
    proxy = start(lab, there, example("serial-line.sh"), "proxy", far, namespace=lab.far)
    words = ["client", near, "115200", str(topology.PORT)]
    client = start(lab, environment, example("serial-line.sh"), *words)
    client.wait_for_log("connected to")
    check_traffic(lab)
    client.signal(signal.SIGTERM)
    os.killpg(client.pid, signal.SIGTERM)
    client.wait()
    proxy.wait()
    assert "ended the tunnel" in proxy.log()
    line.terminate()


@pytest.mark.parametrize("side", ["client", "proxy"])
def test_serial_line_makes_no_file_of_a_mistyped_device(tmp_path, side):
    there = tmp_path / "file"
    there.touch()
    for device in (tmp_path / "ttyNOPE", there, "/dev/null"):
        command = [example("serial-line.sh"), side, str(device), "9600"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 1
        assert str(device) in done.stderr
    assert os.listdir(tmp_path) == ["file"] and there.stat().st_size == 0


def test_gateway(lab, commands, server, environment):
    del server
    commands.start_sshd()
    settings = {
        "net.ipv4.ip_forward": 0,
        "net.ipv6.conf.all.forwarding": 0,
        "net.ipv4.conf.all.src_valid_mark": 1,
        "net.ipv4.conf.lan0.rp_filter": 1,
    }
    for key, value in settings.items():
        lab.client.sysctl(key, value)
    before = state(lab.client)
    link = ["socat", "EXEC:tfunnel -p 12300", "EXEC:ssh host tfunnel"]
    script = start(lab, environment, example("gateway.sh"), "lan0", "--nonsense", "1", "--", *link)
    assert script.wait() == USAGE
    assert "--nonsense is no option" in script.log() and "connected to" not in script.log()
    assert state(lab.client) == before
    script = start(
        lab, environment, example("gateway.sh"), "lan0", "--link", topology.FAR_MGMT[4], "--", *link
    )
    netlab.wait_until(lambda: "12300" in state(lab.client)["ip -6 rule"], what="rules")
    check_traffic(lab)
    os.killpg(script.pid, signal.SIGINT)
    script.wait()
    assert state(lab.client) == before
    with lab.client.enter():
        for key, value in settings.items():
            with open("/proc/sys/" + key.replace(".", "/"), encoding="ascii") as file:
                assert int(file.read()) == value, key


# --- the systemd unit ----------------------------------------------------------------------------


def unit_settings():
    with open(example("tfunnel.service"), encoding="utf-8") as file:
        lines = [line.strip() for line in file if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def in_place(text):
    """The unit's programs where they are now, and not where an installation puts them."""
    text = text.replace("/usr/local/share/tfunnel/examples", EXAMPLES)
    return text.replace("/usr/local/bin/tfunnel", topology.tfunnel())


def unit_command(line, variables):
    """Close enough to systemd's own splitting for what the unit uses."""
    for name, value in variables.items():
        line = line.replace("${" + name + "}", shlex.quote(value)).replace("$" + name, value)
    return shlex.split(in_place(line))


def test_unit_commands_work_with_its_capabilities_only(lab, commands, server, environment):
    del server
    commands.start_sshd()
    settings = unit_settings()
    assert set(settings["AmbientCapabilities"].split()) == set(settings["CapabilityBoundingSet"].split())
    names = settings["CapabilityBoundingSet"].lower().replace("cap_", "+").split()
    capabilities = ",".join(["-all", *names])
    limited = ["setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities, "--no-new-privs"]
    variables = dict(word.split("=", 1) for word in shlex.split(settings["Environment"]))
    variables.update(HOST="host", LINK=topology.FAR_MGMT[4])
    before = state(lab.client)
    lab.client.run([*limited, *unit_command(settings["ExecStartPre"], variables)], env=environment)
    service = start(lab, environment, *limited, *unit_command(settings["ExecStart"], variables))
    service.wait_for_log("connected to", 20)
    check_traffic(lab)
    variables.update(OPTIONS="--exclude-port 51820")
    lab.client.run([*limited, *unit_command(settings["ExecReload"], variables)], env=environment)
    assert "51820" in state(lab.client)["nft -s list ruleset"]
    check_traffic(lab)
    service.terminate()
    stop = [*limited, *unit_command(settings["ExecStopPost"], variables)]
    captured = state(lab.client)
    lab.client.run(stop, env={**environment, "SERVICE_RESULT": "exit-code"})
    assert state(lab.client) == captured, "a failure opens the way"
    lab.client.run(stop, env={**environment, "SERVICE_RESULT": "success"})
    assert state(lab.client) == before


# --- PROTOCOL.md ---------------------------------------------------------------------------------


def protocol_stream(side):
    with open(os.path.join(topology.REPOSITORY, "proto/PROTOCOL.md"), encoding="utf-8") as file:
        block = re.search(r"^```hex " + side + r"\n(.*?)^```", file.read(), re.M | re.S)[1]
    return bytes.fromhex(re.sub("#.*", "", block))


def read_varint(stream, at):
    """The number, and where it ends; None if it is cut off."""
    number = shift = 0
    while at < len(stream):
        number |= (stream[at] & 0x7F) << shift
        shift += 7
        at += 1
        if stream[at - 1] < 0x80:
            return number, at
    return None


def message_of(frame):
    return frame[read_varint(frame, 0)[1] :]


def kind_of(frame):
    """The field number."""
    return message_of(frame)[0] >> 3


def split_stream(stream):
    """The greeting and the whole frames but Acks, whose number and time are chance."""
    parts = [stream[:16]]
    at = 16
    while length := read_varint(stream, at):
        size, begin = length
        if begin + size > len(stream):
            break
        parts.append(stream[at : begin + size])
        at = begin + size
    return [parts[0]] + [part for part in parts[1:] if kind_of(part) != ACK]


def kinds(parts):
    """Field numbers of the frames."""
    return [kind_of(part) for part in parts[1:]]


def hello_fields(frame):
    """The fields of a Hello."""
    message = message_of(frame)
    return message[read_varint(message, 1)[1] :]


HELLO, OPEN, OPENED, DATA, CREDIT, FIN = range(1, 7)
ACK = 12


def test_protocol_example_replayed(lab):
    """The proxy gets the client's stream, and must say what the page says."""
    said = split_stream(protocol_stream("client"))
    expected = split_stream(protocol_stream("proxy"))
    assert kinds(said) == [HELLO, OPEN, DATA, FIN]
    lab.far.ip("addr add 198.51.100.3/24 dev mgmt0")
    listener = lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, ("203.0.113.10", 80))
    listener.listen()
    proxy = lab.far.start([topology.tfunnel_proxy()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    heard = b""

    def hear(kind):
        nonlocal heard
        while len(heard) < 16 or kind not in kinds(split_stream(heard)):
            piece = os.read(proxy.popen.stdout.fileno(), 65536)
            assert piece, proxy.log()
            heard += piece

    hear(HELLO)
    os.write(proxy.popen.stdin.fileno(), b"".join(said[:3]))
    hear(OPENED)
    os.write(proxy.popen.stdin.fileno(), b"".join(said[3:]))
    accepted, _ = listener.accept()
    with listener, accepted:
        assert accepted.recv(18, socket.MSG_WAITALL) == b"GET / HTTP/1.0\r\n\r\n"
        assert accepted.recv(1) == b""
        accepted.sendall(b"HTTP/1.0 204\r\n\r\n")
    hear(FIN)
    assert heard[:16] == expected[0]
    frames = dict(zip(kinds(split_stream(heard)), split_stream(heard)[1:]))
    wanted = dict(zip(kinds(expected), expected[1:]))
    assert list(frames) in ([HELLO, CREDIT, OPENED, DATA, FIN], [HELLO, OPENED, CREDIT, DATA, FIN])
    for kind in (CREDIT, DATA, FIN):
        assert frames[kind] == wanted[kind]
    said_hello, wanted_hello = hello_fields(frames[HELLO]), hello_fields(wanted[HELLO])
    assert said_hello.split(b"\x20")[0] == wanted_hello.split(b"\x20")[0]  # up to the version's blank
    proxy.popen.stdin.close()
    assert proxy.wait() == 69


def test_protocol_client_accepts_the_example(lab, start_client_alone):
    """The client gets the proxy's stream for the flow it opens, which is number 1 as on the page."""
    answers = split_stream(protocol_stream("proxy"))
    client = start_client_alone
    os.write(client.popen.stdin.fileno(), b"".join(answers[:2]))
    client.wait_for_log("connected to tfunnel 1.0.0")
    with lab.client.connect("203.0.113.10", 80) as app:
        app.sendall(b"GET / HTTP/1.0\r\n\r\n")
        app.shutdown(socket.SHUT_WR)
        heard = b""
        while FIN not in kinds(split_stream(heard)):
            heard += os.read(client.popen.stdout.fileno(), 65536)
        assert split_stream(heard)[3:] == split_stream(protocol_stream("client"))[3:]
        os.write(client.popen.stdin.fileno(), b"".join(answers[2:]))
        assert app.recv(100, socket.MSG_WAITALL) == b"HTTP/1.0 204\r\n\r\n"
    client.popen.stdin.close()
    assert client.wait() == 69


@pytest.fixture
def start_client_alone(lab):
    lab.capture()
    command = [topology.tfunnel(), "-p", str(topology.PORT)]
    return lab.client.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
