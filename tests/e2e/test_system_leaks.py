"""The system-wide rules keep in what belongs into the tunnel, whatever a program, the routing or a stranger does.

Leaks are counted behind the client's network card.
"""

import contextlib
import socket
import threading

import netlab
import pytest
import system_rules
import topology
from system_rules import CLIENT_MGMT, FAMILIES, OUTSIDE, example, forget_connections, leaked, state
from traffic_talk import receive_exactly

PORT = 7100
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)
PASSING = {4: "198.18.5.1", 6: "2001:db8:5::1"}  # an address of the client that goes away

# Sees ICMP errors and tfunnel's packets before any rule decides about them.
ATTEMPTS = f"""
table inet attempts {{
  counter errors {{ }}
  counter answers {{ }}
  chain prerouting {{
    type filter hook prerouting priority -300; policy accept;
    icmp type destination-unreachable counter name errors
    icmpv6 type {{ destination-unreachable, packet-too-big }} counter name errors
  }}
  chain output {{
    type filter hook output priority -300; policy accept;
    icmp type destination-unreachable counter name errors
    icmpv6 type {{ destination-unreachable, packet-too-big }} counter name errors
    ip daddr {PASSING[4]} counter name answers
    ip6 daddr {PASSING[6]} counter name answers
  }}
}}
"""


@pytest.fixture
def lab(tmp_path):
    made = system_rules.make_lab(tmp_path / "lab")
    made.client.nft(ATTEMPTS)
    yield made
    made.close()


@pytest.fixture(params=system_rules.SCRIPTS)
def rules(request, lab):
    """rules(words...) runs the script; it must be possible to undo all that it did."""

    def rules_alone():
        return {command: text for command, text in state(lab.client).items() if "route" not in command}

    before = rules_alone()
    yield lambda *words: lab.client.run([example(request.param), *words])
    lab.client.run([example(request.param), "down"])
    assert rules_alone() == before


def attempts(lab, name):
    rows = lab.client.json(["nft", "-j", "list", "counter", "inet", "attempts", name])["nftables"]
    return next(row["counter"]["packets"] for row in rows if "counter" in row)


def wait_attempts(lab, name, count=1):
    netlab.wait_until(lambda: attempts(lab, name) >= count, what=f"{count} {name}")


def bound(namespace, family, kind, device=None, address=("", 0)):
    made = namespace.socket(KIND[family], kind)
    if device:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    made.bind(address)
    return made


def far_socket(lab, family, kind, port=PORT, address=None):
    made = lab.far.socket(KIND[family], kind, ((address or topology.FAR)[family], port))
    if kind == TCP:
        made.listen()
    return made


def accept(listener):
    accepted, peer = listener.accept()
    accepted.settimeout(listener.gettimeout())
    return accepted, peer


def lose_rule(lab):
    """Removes the rules of others, as systemd-networkd does."""
    for family in ("-4", "-6"):
        for priority in ("123", "124"):
            lab.client.run(["ip", family, "rule", "del", "priority", priority])


# --- what is bound to a network card ---------------------------------------------------------------


@PER_FAMILY
@pytest.mark.parametrize("device", ["wan0", "mgmt0"])
def test_what_is_bound_to_a_card_goes_through_the_tunnel(lab, rules, start_tunnel, family, device):
    lab.client.ip(
        f"route add default via {topology.FAR_MGMT[4]} metric 5000",
        f"-6 route add default via {topology.FAR_MGMT[6]} metric 5000",
    )
    rules("up")
    start_tunnel()
    to = (topology.FAR[family], PORT)
    with far_socket(lab, family, TCP) as listener, bound(lab.client, family, TCP, device) as program:
        program.connect(to)
        accepted, peer = accept(listener)
        with accepted:
            assert peer[0] == topology.FAR[family], "it came from the far end itself"
            program.sendall(b"question")
            assert receive_exactly(accepted, 8) == b"question"
            accepted.sendall(b"answer")
            assert receive_exactly(program, 6) == b"answer"
    with far_socket(lab, family, UDP) as server, bound(lab.client, family, UDP, device) as program:
        program.sendto(b"question", to)
        question, peer = server.recvfrom(100)
        assert question == b"question" and peer[0] == topology.FAR[family]
        server.sendto(b"answer", peer)
        assert program.recvfrom(100)[0] == b"answer"
    assert leaked(lab) == 0


@PER_FAMILY
def test_a_datagram_that_names_its_card_goes_through_the_tunnel(lab, rules, start_tunnel, family):
    """IP_PKTINFO and IPV6_PKTINFO with the number of an interface."""
    rules("up")
    start_tunnel()
    with lab.client.enter():
        card = socket.if_nametoindex("wan0")
    if family == 4:
        option = (socket.IPPROTO_IP, 8, card.to_bytes(4, "little") + bytes(8))
    else:
        option = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(16) + card.to_bytes(4, "little"))
    with far_socket(lab, family, UDP) as server, bound(lab.client, family, UDP) as program:
        program.sendmsg([b"question"], [option], 0, (topology.FAR[family], PORT))
        question, peer = server.recvfrom(100)
        assert question == b"question"
        server.sendto(b"answer", peer)
        assert program.recvfrom(100)[0] == b"answer"
    assert leaked(lab) == 0


@PER_FAMILY
def test_what_is_bound_to_a_card_that_came_later_is_refused(lab, rules, start_tunnel, family):
    rules("up")
    start_tunnel()
    lab.client.ip("link add later0 type veth peer name later0 netns void", "link set later0 up")
    lab.void.ip("link set later0 up")
    mac = lab.void.json(["ip", "-j", "link", "show", "later0"])[0]["address"]
    lab.client.ip(
        "addr add 10.88.0.1/24 dev later0",
        "addr add 2001:db8:88::1/64 dev later0 nodad",
        f"neigh replace 10.88.0.2 lladdr {mac} nud permanent dev later0",
        f"neigh replace 2001:db8:88::2 lladdr {mac} nud permanent dev later0",
        "route add default via 10.88.0.2 metric 5000",
        "-6 route add default via 2001:db8:88::2 metric 5000",
    )
    with bound(lab.client, family, UDP, "later0") as program, pytest.raises(OSError):
        program.sendto(b"secret", (topology.FAR[family], PORT))
    with bound(lab.client, family, TCP, "later0") as program, pytest.raises(OSError):
        program.settimeout(0.3)
        program.connect((topology.FAR[family], PORT))
    assert leaked(lab) == 0


# --- when the routing is lost, or the address --------------------------------------------------------


@PER_FAMILY
def test_nothing_leaves_when_the_routing_rule_is_lost(lab, rules, start_tunnel, family):
    rules("up")
    start_tunnel()
    to = (topology.FAR[family], PORT)
    with far_socket(lab, family, TCP) as listener, lab.client.connect(*to) as old:
        accepted, _ = accept(listener)
        with accepted:
            lose_rule(lab)
            old.sendall(b"secret")  # of a connection that the tunnel has
    for where in (lab.client, lab.lan):
        with bound(where, family, UDP) as program, contextlib.suppress(PermissionError):
            program.sendto(b"secret", to)
        with bound(where, family, TCP) as program, pytest.raises(OSError):
            program.settimeout(0.3)
            program.connect(to)
    assert leaked(lab) == 0


@PER_FAMILY
def test_what_is_for_an_address_that_is_gone_stays_here(lab, rules, start_tunnel, family):
    """A laptop gets another address: what comes through the tunnel for the old one must not go to the new network."""
    width = {4: 32, 6: 128}[family]
    lab.client.ip(f"addr add {PASSING[4]}/32 dev lo", f"addr add {PASSING[6]}/128 dev lo nodad")
    rules("up")
    start_tunnel()
    with (
        far_socket(lab, family, TCP) as listener,
        far_socket(lab, family, UDP) as server,
        bound(lab.client, family, TCP, address=(PASSING[family], 0)) as stream,
        bound(lab.client, family, UDP, address=(PASSING[family], 0)) as datagrams,
    ):
        stream.connect((topology.FAR[family], PORT))
        accepted, _ = accept(listener)
        datagrams.sendto(b"question", (topology.FAR[family], PORT))
        _, peer = server.recvfrom(100)
        with accepted:
            accepted.sendall(b"before")
            assert receive_exactly(stream, 6) == b"before"
            lab.client.run(["ip", "addr", "del", f"{PASSING[family]}/{width}", "dev", "lo"])
            seen = attempts(lab, "answers")
            accepted.sendall(b"secret")
            wait_attempts(lab, "answers", seen + 1)
            seen = attempts(lab, "answers")
            server.sendto(b"secret", peer)
            wait_attempts(lab, "answers", seen + 1)
    assert leaked(lab) == 0


def test_nothing_leaves_while_the_rules_are_replaced(lab, rules, start_tunnel):
    rules("up")
    start_tunnel()
    over = threading.Event()

    def send_on():
        with bound(lab.client, 4, UDP) as v4, bound(lab.client, 6, UDP) as v6:
            while not over.is_set():
                for program, family in ((v4, 4), (v6, 6)):
                    with contextlib.suppress(PermissionError):  # dropped, while there is no routing
                        program.sendto(b"secret", (topology.FAR[family], PORT))

    sender = threading.Thread(target=send_on)
    sender.start()
    try:
        for _ in range(3):
            rules("up")
    finally:
        over.set()
        sender.join()
    assert leaked(lab) == 0


# --- ICMP errors about what the tunnel brought -------------------------------------------------------


@PER_FAMILY
@pytest.mark.parametrize("source", ["local", "forwarded"])
@pytest.mark.parametrize("first", ["program", "peer"])
def test_icmp_error_for_a_peer_stays_here(lab, rules, start_tunnel, family, source, first):
    """The program has gone, and its kernel tells the peer so, with an address that nobody there should see."""
    rules("up")
    start_tunnel()
    where = lab.source(source)
    with (
        far_socket(lab, family, UDP) as known,
        far_socket(lab, family, UDP, address=topology.FAR_OTHER) as other,
    ):
        with bound(where, family, UDP) as program:
            program.sendto(b"question", (topology.FAR[family], PORT))
            _, peer = known.recvfrom(100)
            known.sendto(b"answer", peer)
            assert program.recvfrom(100)[0] == b"answer"
        (known if first == "program" else other).sendto(b"too late", peer)
        wait_attempts(lab, "errors")
    assert leaked(lab) == 0


@pytest.fixture
def behind_a_narrow_hop(lab):
    """A host for which the LAN's host forwards, over a link that takes 1,400 bytes."""
    inner = netlab.Namespace("inner", lab.directory)
    lab.namespaces.append(inner)
    inner.sysctl("net.ipv6.conf.all.accept_dad", 0)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        lab.lan.sysctl(key, 1)
    lab.lan.ip("link add inner0 type veth peer name inner0 netns inner", "link set inner0 up")
    inner.ip("link set inner0 up")
    for namespace, host in ((lab.lan, 1), (inner, 2)):
        namespace.ip(f"addr add 10.66.0.{host}/24 dev inner0", f"addr add fd66::{host}/64 dev inner0 nodad")
    lab.lan.ip(
        "route replace 10.66.0.2/32 dev inner0 mtu lock 1400", "-6 route replace fd66::2/128 dev inner0 mtu lock 1400"
    )
    inner.ip("route add default via 10.66.0.1", "-6 route add default via fd66::1")
    lab.client.ip(
        f"route add 10.66.0.0/24 via {topology.LAN_HOST[4]}", f"-6 route add fd66::/64 via {topology.LAN_HOST[6]}"
    )
    return inner


@PER_FAMILY
def test_download_gets_through_a_narrow_hop_of_the_lan(lab, rules, start_tunnel, behind_a_narrow_hop, family):
    rules("up")
    start_tunnel()
    size = 300_000
    with (
        far_socket(lab, family, TCP) as listener,
        behind_a_narrow_hop.connect(topology.FAR[family], PORT) as program,
    ):
        accepted, _ = accept(listener)
        with accepted:
            accepted.sendall(bytes(size))
        assert len(receive_exactly(program, size)) == size
    assert attempts(lab, "errors") > 0, "the hop was not narrow"
    assert leaked(lab) == 0


@PER_FAMILY
def test_datagrams_get_through_a_narrow_hop_of_the_lan(lab, rules, start_tunnel, behind_a_narrow_hop, family):
    """The first may be lost: it is what tells about the hop."""
    rules("up")
    start_tunnel()
    text = bytes(range(256)) * 5 + bytes(170)  # 1,450 bytes, and no TCP from which the kernel knows the hop
    with far_socket(lab, family, UDP) as server:

        def arrives():
            with bound(behind_a_narrow_hop, family, UDP) as program:
                program.settimeout(1)
                program.sendto(b"question", (topology.FAR[family], PORT))
                _, peer = server.recvfrom(100)
                server.sendto(text, peer)
                with contextlib.suppress(TimeoutError):
                    return program.recvfrom(2000)[0] == text
            return False

        netlab.wait_until(arrives, what="datagram behind the hop")
    assert leaked(lab) == 0


# --- servers that speak first ------------------------------------------------------------------------


def serving(lab, where, family):
    """A UDP server at an address that somebody outside can reach, and that address."""
    namespace, address = {"local": (lab.client, CLIENT_MGMT), "forwarded": (lab.lan, topology.LAN_HOST)}[where]
    return bound(namespace, family, UDP, address=(address[family], PORT)), (address[family], PORT)


@pytest.fixture
def routed_lan(lab):
    """The outside reaches the LAN's hosts past the tunnel."""
    lab.far.ip(
        f"route add 192.0.2.0/26 via {CLIENT_MGMT[4]}", f"-6 route add 2001:db8:1::/64 via {CLIENT_MGMT[6]}"
    )


@PER_FAMILY
@pytest.mark.parametrize("where", ["local", "forwarded"])
@pytest.mark.parametrize("answers", [True, False], ids=["answers", "silent"])
def test_udp_server_speaks_first_to_whom_it_has_served(lab, routed_lan, rules, start_tunnel, family, where, answers):
    """Long after conntrack has forgotten the peer, and after the rules were replaced."""
    del routed_lan
    rules("up")
    start_tunnel()
    server, here = serving(lab, where, family)
    visitor = far_socket(lab, family, UDP, address=OUTSIDE)
    with server, visitor:
        visitor.sendto(b"question", here)
        _, peer = server.recvfrom(100)
        if answers:
            server.sendto(b"answer", peer)
            assert visitor.recvfrom(100)[0] == b"answer"
        rules("up")
        forget_connections(lab.client)
        server.sendto(b"push", peer)
        text, source = visitor.recvfrom(100)
        assert (text, source[:2]) == (b"push", here)
        visitor.sendto(b"next question", here)
        assert server.recvfrom(100)[0] == b"next question"
        server.sendto(b"next answer", peer)
        text, source = visitor.recvfrom(100)
        assert (text, source[:2]) == (b"next answer", here)


@PER_FAMILY
def test_excluded_port_and_dhcp_stay_outside(lab, rules, start_tunnel, family):
    rules("up", "--exclude-port", str(PORT), "--exclude-port", "7101")
    start_tunnel()
    lease, server = {4: (68, 67), 6: (546, 547)}[family]
    for near, far in ((PORT, PORT), (7101, PORT), (lease, server)):
        here = (CLIENT_MGMT[family], near)
        with (
            bound(lab.client, family, UDP, address=here) as program,
            far_socket(lab, family, UDP, far, OUTSIDE) as visitor,
        ):
            program.sendto(b"push", (OUTSIDE[family], far))
            text, source = visitor.recvfrom(100)
            assert (text, source[:2]) == (b"push", here)


@PER_FAMILY
def test_datagram_to_a_closed_port_opens_no_way_past_the_tunnel(lab, rules, start_tunnel, family):
    """Else a stranger could choose which traffic of this machine goes outside."""
    rules("up")
    start_tunnel()
    here = (CLIENT_MGMT[family], PORT)
    with far_socket(lab, family, UDP, address=OUTSIDE) as visitor:
        visitor.sendto(b"nobody listens", here)
        wait_attempts(lab, "errors")
        forget_connections(lab.client)
        with bound(lab.client, family, UDP, address=here) as program:
            program.sendto(b"secret", (OUTSIDE[family], PORT))
            text, source = visitor.recvfrom(100)
            assert text == b"secret" and source[:2] != here
