"""Out of descriptors or ports at the far end: the UDP flow that can best be spared gives way, so that others go on."""

import socket

import pytest
import topology
import traffic_talk

FAMILIES = pytest.mark.parametrize("family", [4, 6])
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
LIMIT = "ulimit -n 100;"
MANY = 300  # several times what the limit allows


@pytest.fixture
def nameserver(lab, family):
    """Answers when it is told to."""
    made = lab.far.socket(KIND[family], socket.SOCK_DGRAM, bind=(topology.FAR[family], 53))
    yield made
    made.close()


def ask(lab, nameserver, sock=None):
    """One question and its answer, from a port of its own or that of `sock`; the port that the server saw."""
    made = sock or lab.client.socket(nameserver.family, socket.SOCK_DGRAM)
    made.sendto(b"question", nameserver.getsockname()[:2])
    _, source = nameserver.recvfrom(100)
    nameserver.sendto(b"answer", source)
    assert made.recv(100) == b"answer"
    if made is not sock:
        made.close()
    return source[1]


@FAMILIES
def test_questions_from_many_ports_go_on_without_descriptors(lab, nameserver, start_tunnel, family):
    del family
    start_tunnel(proxy_prefix=LIMIT)
    for _ in range(MANY):
        ask(lab, nameserver)


@FAMILIES
def test_questions_from_many_ports_go_on_without_ports(lab, nameserver, start_tunnel, family):
    del family
    lab.far.sysctl("net.ipv4.ip_local_port_range", "40000 40029")
    start_tunnel()
    for _ in range(100):
        ask(lab, nameserver)


@pytest.mark.parametrize("family", [4])
def test_flow_in_use_keeps_its_far_port_meanwhile(lab, nameserver, start_tunnel, family):
    del family
    start_tunnel(proxy_prefix=LIMIT)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as game:
        port = ask(lab, nameserver, game)
        for number in range(MANY):
            ask(lab, nameserver)
            if number % 10 == 0:
                assert ask(lab, nameserver, game) == port


@pytest.mark.parametrize("family", [4])
def test_connections_take_descriptors_from_silent_udp_flows(lab, nameserver, server, start_tunnel, family):
    del server, family
    start_tunnel(proxy_prefix=LIMIT)
    for _ in range(MANY):
        ask(lab, nameserver)
    flows = [traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT) for _ in range(60)]
    for flow in flows:
        assert traffic_talk.echoes(flow)
    ask(lab, nameserver)
    for flow in flows:
        flow.close()


@pytest.mark.parametrize("family", [4])
def test_giving_way_is_counted(lab, nameserver, start_tunnel, family):
    del family
    tunnel = start_tunnel(proxy_prefix=LIMIT)
    for _ in range(MANY):
        ask(lab, nameserver)
    told = tunnel.proxy.wait_for_table(r"UDP flows that gave way to others: (\d+)")
    assert int(told.group(1)) > 0
