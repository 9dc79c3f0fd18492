"""A daemon on the client machine that is bound to the port a far peer answers from must keep its
datagrams, and must not break the replies."""

import socket

import netlab
import pytest
import topology

PORT = topology.SERVER_PORT
BOUND = {4: ("0.0.0.0", PORT), 6: ("::", PORT)}
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}


@pytest.fixture(name="family", params=[4, 6])
def _family(request):
    return request.param


@pytest.fixture(name="daemon", params=["daemon first", "daemon later"])
def _daemon(request, lab, tunnel, family):
    """Bound before the first reply, or while the tunnel already answers from that port."""
    del tunnel
    if request.param == "daemon later":
        lab.expect(lab.client, "reply", "--udp", to=topology.FAR[family])
    made = lab.client.socket(KIND[family], socket.SOCK_DGRAM, bind=BOUND[family])
    yield made
    made.close()


def test_replies_arrive_beside_the_daemon(lab, daemon, family):
    for _ in range(3):
        lab.expect(lab.client, "reply", "--udp", to=topology.FAR[family])
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(100)


def test_daemon_keeps_its_datagrams(lab, daemon, family):
    lab.expect(lab.client, "reply", "--udp", to=topology.FAR[family])
    for namespace, address in (
        (lab.client, topology.CLIENT_WAN[family]),
        (lab.lan, topology.CLIENT_LAN[family]),
    ):
        with namespace.socket(KIND[family], socket.SOCK_DGRAM) as sender:
            sender.sendto(b"for the daemon", (address, PORT))
            data, source = daemon.recvfrom(100)
            assert data == b"for the daemon"
            daemon.sendto(b"from the daemon", source)
            sender.settimeout(netlab.patient(5))
            assert sender.recv(100) == b"from the daemon"


def test_daemon_can_ask_far_itself(lab, daemon, family):
    """Its own source port is the far port as well: the reply must find it, not a bound twin."""
    peer = (topology.FAR[family], PORT)
    daemon.sendto(b"daemon asks", peer)
    data, source = daemon.recvfrom(100)
    assert (data, source[:2]) == (b"daemon asks", peer)
    lab.expect(lab.client, "reply", "--udp", to=topology.FAR[family])
