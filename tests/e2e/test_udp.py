"""Datagrams: any size, from the peer that sent them, and one mapping for all peers."""

import socket

import pytest
import topology
import traffic_talk

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SOURCES = pytest.mark.parametrize("source", ["local", "forwarded"])
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}


def udp_socket(namespace, family, bind=None):
    return namespace.socket(KIND[family], socket.SOCK_DGRAM, bind=bind)


def ask(sock, peer, payload):
    """Sends, and returns (answer, address and port it came from)."""
    sock.sendto(payload, peer)
    data, source = sock.recvfrom(65536)
    return data, source[:2]


@FAMILIES
@SOURCES
def test_any_size(lab, tunnel, family, source):
    del tunnel
    lab.traffic(lab.source(source), "udp-sizes", to=topology.FAR[family])


@FAMILIES
def test_replies_come_from_the_peer_that_was_asked(lab, tunnel, family):
    del tunnel
    with udp_socket(lab.client, family) as sock:
        for address in (topology.FAR[family], topology.FAR_OTHER[family]):
            peer = (address, topology.SERVER_PORT)
            assert ask(sock, peer, b"who are you?") == (b"who are you?", peer)


@FAMILIES
def test_one_source_has_one_mapping(lab, start_tunnel, family):
    """Endpoint-independent mapping: STUN and games need the same far port for every peer."""
    start_tunnel()
    first = udp_socket(lab.far, family, (topology.FAR[family], 7300))
    second = udp_socket(lab.far, family, (topology.FAR_OTHER[family], 7301))
    with first, second, udp_socket(lab.client, family) as sock:
        seen = []
        for peer in (first, second):
            sock.sendto(b"map me", peer.getsockname()[:2])
            seen.append(peer.recvfrom(100)[1][1])
        assert seen[0] == seen[1]


@FAMILIES
def test_a_stranger_may_answer(lab, tunnel, family):
    """Endpoint-independent filtering: a peer never asked before gets through to the source."""
    del tunnel
    stranger = (topology.FAR_OTHER[family], 7302)
    order = traffic_talk.udp_order("reply_from", rest=f"{stranger[0]} {stranger[1]}".encode())
    with udp_socket(lab.client, family) as sock:
        data, source = ask(sock, (topology.FAR[family], topology.SERVER_PORT), order)
        assert source == stranger
        assert data.decode() == f"{stranger[0]} {stranger[1]}"
        assert ask(sock, stranger, b"and back") == (b"and back", stranger)


@FAMILIES
def test_several_replies_to_one_question(lab, tunnel, family):
    del tunnel
    order = traffic_talk.udp_order("reply_times", 5, b"again")
    with udp_socket(lab.client, family) as sock:
        sock.sendto(order, (topology.FAR[family], topology.SERVER_PORT))
        assert [sock.recv(100) for _ in range(5)] == [b"again"] * 5


def test_empty_datagram_is_a_datagram(lab, tunnel):
    del tunnel
    with udp_socket(lab.client, 4) as sock:
        peer = (topology.FAR[4], topology.SERVER_PORT)
        assert ask(sock, peer, b"") == (b"", peer)


def test_many_sources_at_once(lab, tunnel):
    del tunnel
    sockets = [udp_socket(lab.client, 4) for _ in range(200)]
    for number, sock in enumerate(sockets):
        sock.sendto(str(number).encode(), (topology.FAR[4], topology.SERVER_PORT))
    for number, sock in enumerate(sockets):
        assert sock.recv(100) == str(number).encode()
        sock.close()


def test_moderate_rate_loses_nothing(lab, tunnel):
    del tunnel
    words = ["--size", 1200, "--rate-mbit", 10, "--seconds", 2]
    assert lab.traffic(lab.client, "udp-blast", *words)["loss_percent"] < 10


@SOURCES
def test_ipv6_carries_more_than_ipv4(lab, tunnel, source):
    del tunnel
    lab.traffic(lab.source(source), "udp-sizes", "--sizes", 65508, 65520, 65527, to=topology.FAR[6])
