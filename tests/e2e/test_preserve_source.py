"""--preserve-source: a server behind the far end sees the application's own address and port."""

import contextlib
import os
import signal
import socket
import subprocess

import netlab
import pytest
import raw_peer
import topology
from traffic_talk import receive_exactly

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SOURCES = pytest.mark.parametrize("source", ["local", "forwarded"])
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
OPTION = "--preserve-source"
SERVER = {4: "10.77.0.2", 6: "fd77::2"}
FAR = {4: "10.77.0.1", 6: "fd77::1"}
RULES = os.path.join(topology.REPOSITORY, "examples/return-rules.sh")
OURS = {"local": topology.CLIENT_WAN, "forwarded": topology.LAN_HOST}
NO_PRIVILEGE = 77


@pytest.fixture
def beyond(lab):
    """A server's namespace whose default route is far, where the rules for the way back are up."""
    made = netlab.Namespace("beyond", lab.directory)
    lab.namespaces.append(made)
    for kind in ("all", "default"):
        made.sysctl(f"net.ipv6.conf.{kind}.accept_dad", 0)
    lab.far.ip("link add beyond0 type veth peer name beyond0 netns beyond", "link set beyond0 up")
    made.ip("link set beyond0 up")
    for namespace, addresses in ((lab.far, FAR), (made, SERVER)):
        namespace.ip(f"addr add {addresses[4]}/24 dev beyond0", f"addr add {addresses[6]}/64 dev beyond0 nodad")
    made.ip(f"route add default via {FAR[4]}", f"-6 route add default via {FAR[6]}")
    lab.far.run([RULES, "up"])
    return made


@pytest.fixture
def preserving(beyond, start_tunnel):
    """The proxy-only far end has no such option, so this is always the full program."""
    del beyond
    return start_tunnel(proxy_command=topology.tfunnel(), proxy_args=OPTION)


@FAMILIES
@SOURCES
def test_tcp_server_sees_the_applications_address_and_port(lab, beyond, preserving, family, source):
    del preserving
    listener = beyond.socket(KIND[family], socket.SOCK_STREAM, bind=(SERVER[family], 7000))
    listener.listen()
    near = lab.source(source).socket(KIND[family], socket.SOCK_STREAM, bind=("", 23456))
    with listener, near:
        near.connect((SERVER[family], 7000))
        far, seen = listener.accept()
        with far:
            assert seen[:2] == (OURS[source][family], 23456)
            far.sendall(b"answer")
            assert near.recv(100) == b"answer"


@FAMILIES
@SOURCES
def test_udp_server_sees_the_applications_address_and_port(lab, beyond, preserving, family, source):
    del preserving
    server = beyond.socket(KIND[family], socket.SOCK_DGRAM, bind=(SERVER[family], 7000))
    near = lab.source(source).socket(KIND[family], socket.SOCK_DGRAM, bind=("", 23456))
    with server, near:
        near.sendto(b"question", (SERVER[family], 7000))
        data, seen = server.recvfrom(100)
        assert (data, seen[:2]) == (b"question", (OURS[source][family], 23456))
        server.sendto(b"answer", seen)
        data, peer = near.recvfrom(100)
        assert (data, peer[:2]) == (b"answer", (SERVER[family], 7000))


@FAMILIES
def test_many_flows_from_one_address(lab, beyond, preserving, family):
    del preserving
    lab.serve(namespace=beyond)
    lab.traffic(lab.client, "flows", "--count", 100, to=SERVER[family])


@FAMILIES
def test_one_source_port_serves_two_destinations(lab, beyond, preserving, family):
    """As applications that set SO_REUSEADDR may."""
    del preserving
    made = []
    for port in (7000, 7001):
        listener = beyond.socket(KIND[family], socket.SOCK_STREAM, bind=(SERVER[family], port))
        listener.listen()
        near = lab.client.socket(KIND[family], socket.SOCK_STREAM)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.bind(("", 23457))
        near.connect((SERVER[family], port))
        far, seen = listener.accept()
        assert seen[1] == 23457
        made += [listener, near, far]
    for sock in made:
        sock.close()


@contextlib.contextmanager
def stale_far_end(start_tunnel, use):
    """The far end of a link that is dead, which does not know it yet: stopped, so that it holds what it has for sure. Before
    that, use() had its turn."""
    tunnel = start_tunnel(proxy_command=topology.tfunnel(), proxy_args=OPTION)
    use()
    os.kill(tunnel.proxy.pid, signal.SIGSTOP)
    try:
        tunnel.client.kill()
        yield
    finally:
        os.kill(tunnel.proxy.pid, signal.SIGCONT)


@FAMILIES
def test_newest_far_end_takes_over_a_udp_port(lab, beyond, start_tunnel, family):
    server = beyond.socket(KIND[family], socket.SOCK_DGRAM, bind=(SERVER[family], 7000))
    near = lab.client.socket(KIND[family], socket.SOCK_DGRAM, bind=("", 23456))
    # Connected, so that an ICMP error would be told.
    near.connect((SERVER[family], 7000))

    def converse():
        near.send(b"question")
        data, seen = server.recvfrom(100)
        assert (data, seen[:2]) == (b"question", (topology.CLIENT_WAN[family], 23456))
        server.sendto(b"answer", seen)
        assert near.recv(100) == b"answer"

    with server, near, stale_far_end(start_tunnel, converse):
        start_tunnel(proxy_command=topology.tfunnel(), proxy_args=OPTION)
        for _ in range(5):
            converse()


@FAMILIES
def test_newest_far_end_takes_over_a_tcp_connection(lab, beyond, start_tunnel, family):
    listener = beyond.socket(KIND[family], socket.SOCK_STREAM, bind=(SERVER[family], 7000))
    listener.listen()
    accepted = []

    def connect():
        near = lab.client.socket(KIND[family], socket.SOCK_STREAM)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.bind(("", 23459))
        near.connect((SERVER[family], 7000))
        far, seen = listener.accept()
        accepted.append(far)
        assert seen[:2] == (topology.CLIENT_WAN[family], 23459)
        far.sendall(b"hello")
        assert near.recv(100) == b"hello"
        return near

    with listener, contextlib.ExitStack() as open_ones:
        with stale_far_end(start_tunnel, lambda: open_ones.enter_context(connect())):
            start_tunnel(proxy_command=topology.tfunnel(), proxy_args=OPTION)
            open_ones.enter_context(connect())
            # The server learns that the old connection is over, and is not left with it.
            with pytest.raises(ConnectionResetError):
                accepted[0].settimeout(netlab.patient(5))
                accepted[0].recv(100)
        for far in accepted:
            far.close()


@FAMILIES
def test_port_that_another_program_has_is_no_icmp_error(lab, beyond, preserving, family):
    """It is not the peer who cannot be reached."""
    del preserving
    everywhere = lab.far.socket(KIND[family], socket.SOCK_DGRAM, bind=("" if family == 4 else "::", 23460))
    server = beyond.socket(KIND[family], socket.SOCK_DGRAM, bind=(SERVER[family], 7000))
    near = lab.client.socket(KIND[family], socket.SOCK_DGRAM, bind=("", 23460))
    near.connect((SERVER[family], 7000))
    with server, near:
        with everywhere:
            for _ in range(3):
                near.send(b"too early")
            other = lab.client.socket(KIND[family], socket.SOCK_DGRAM)
            other.sendto(b"behind them", (SERVER[family], 7000))
            assert server.recv(100) == b"behind them"
            other.close()
        near.send(b"question")
        data, seen = server.recvfrom(100)
        assert data == b"question"
        server.sendto(b"answer", seen)
        assert near.recv(100) == b"answer"


def test_connection_of_the_far_host_itself_is_not_taken_over(lab, beyond):
    """No matter which source a client claims."""
    listener = beyond.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(SERVER[4], 7000))
    listener.listen()
    own = lab.far.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else its port could not be bound a second time
    own.bind((FAR[4], 23461))
    own.connect((SERVER[4], 7000))
    far, source = listener.accept()
    end = lab.far.start(
        [topology.tfunnel(), OPTION, "--connect-timeout", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    peer = raw_peer.Reader(end)
    assert peer.has_hello.wait(netlab.patient(10))
    peer.send(raw_peer.open_tcp(1, SERVER[4], 7000, early=0, source=source))
    netlab.wait_until(lambda: peer.counts.get(raw_peer.RESET), what="the end of the flow")
    with listener, own, far:
        far.sendall(b"still here")
        assert own.recv(100) == b"still here"


@FAMILIES
@SOURCES
def test_refused_datagram_is_refused_at_the_program(lab, beyond, preserving, family, source):
    """The server's ICMP error is addressed to the program, like its answers."""
    del beyond, preserving
    with lab.source(source).socket(KIND[family], socket.SOCK_DGRAM) as near:
        near.connect((SERVER[family], topology.CLOSED_PORT))
        near.send(b"question")
        with pytest.raises(ConnectionRefusedError):
            near.recv(100)


@FAMILIES
def test_upload_gets_through_a_narrow_hop(lab, beyond, preserving, family):
    """So are a router's "fragmentation needed" and "packet too big"."""
    del preserving
    inner = netlab.Namespace("inner", lab.directory)
    lab.namespaces.append(inner)
    server = {4: "10.78.0.2", 6: "fd78::2"}
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        beyond.sysctl(key, 1)
    beyond.ip("link add inner0 type veth peer name inner0 netns inner", "link set inner0 up")
    inner.ip("link set inner0 up")
    for namespace, host in ((beyond, 1), (inner, 2)):
        namespace.ip(f"addr add 10.78.0.{host}/24 dev inner0", f"addr add fd78::{host}/64 dev inner0 nodad")
    beyond.ip(
        f"route replace {server[4]}/32 dev inner0 mtu lock 1400",
        f"-6 route replace {server[6]}/128 dev inner0 mtu lock 1400",
    )
    inner.ip("route add default via 10.78.0.1", "-6 route add default via fd78::1")
    lab.far.ip(f"route add 10.78.0.0/24 via {SERVER[4]}", f"-6 route add fd78::/64 via {SERVER[6]}")
    size = 300_000
    with inner.socket(KIND[family], socket.SOCK_STREAM, bind=(server[family], 7000)) as listener:
        listener.listen()
        with lab.client.connect(server[family], 7000) as near:
            accepted, _ = listener.accept()
            accepted.settimeout(listener.gettimeout())
            with accepted:
                near.sendall(bytes(size))
                assert len(receive_exactly(accepted, size)) == size


@FAMILIES
def test_answers_are_not_forwarded_when_the_routing_rule_is_lost(lab, beyond, preserving, family):
    """They carry an address that is not of this network; systemd-networkd removes the rules of others."""
    del preserving
    lab.far.nft("table inet watch { counter sent { }\nchain out { type filter hook postrouting priority 0;\n"
                'oifname "mgmt0" meta l4proto { tcp, udp } counter name sent\n}\n}')  # fmt: skip
    lab.far.ip("route add default via 198.51.100.1", "-6 route add default via 2001:db8:3::1")
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        lab.far.sysctl(key, 1)
    server = beyond.socket(KIND[family], socket.SOCK_DGRAM, bind=(SERVER[family], 7000))
    near = lab.client.socket(KIND[family], socket.SOCK_DGRAM)
    with server, near:
        near.sendto(b"question", (SERVER[family], 7000))
        _, seen = server.recvfrom(100)
        lab.far.run(["ip", f"-{family}", "rule", "del", "fwmark", "0x7f", "lookup", "127"])
        server.sendto(b"secret", seen)
        server.connect((FAR[family], topology.CLOSED_PORT))
        server.send(b"and its error tells that all before it came")
        with pytest.raises(ConnectionRefusedError):
            server.recv(100)
    rows = lab.far.json(["nft", "-j", "list", "counter", "inet", "watch", "sent"])["nftables"]
    assert next(row["counter"]["packets"] for row in rows if "counter" in row) == 0


def test_rules_for_the_way_back_leave_nothing(lab, beyond):
    del beyond

    def state():
        commands = ["nft list ruleset", "ip -4 rule", "ip -6 rule", "ip -4 route show table all",
                    "ip -6 route show table all"]  # fmt: skip
        return [lab.far.run(command.split()).stdout for command in commands]

    lab.far.run([RULES, "down"])
    before = state()
    lab.far.run([RULES, "up"])
    assert state() != before
    lab.far.run([RULES, "down"])
    assert state() == before


def test_missing_capability_is_one_clear_line_at_the_start():
    nested = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    read_end, write_end = os.pipe()
    done = subprocess.run(
        [*nested, topology.tfunnel(), OPTION], stdin=read_end, capture_output=True, text=True,
        timeout=netlab.patient(10), check=False,
    )
    os.close(read_end)
    os.close(write_end)
    assert done.returncode == NO_PRIVILEGE, done.stderr
    assert "--preserve-source" in done.stderr and "CAP_NET_ADMIN" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_preserve_source_and_socks5_exclude_each_other():
    done = subprocess.run(
        [topology.tfunnel(), OPTION, "--socks5", "proxy"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=netlab.patient(10), check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "exclude each other" in done.stderr
