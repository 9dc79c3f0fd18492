"""A connection straight to the listener's own port must be refused and must never loop."""

import re
import socket

import netlab
import pytest
import topology

DIRECT = {
    "loopback": ("127.0.0.1", "client"),
    "loopback6": ("::1", "client"),
    "own address": (topology.CLIENT_WAN[4], "client"),
    "from the lan": (topology.CLIENT_LAN[4], "lan"),
    "from the lan6": (topology.CLIENT_LAN[6], "lan"),
}


@pytest.mark.parametrize("how", DIRECT)
def test_direct_tcp_is_refused(lab, tunnel, how):
    address, namespace = DIRECT[how]
    result = lab.expect(
        getattr(lab, namespace), "reset,refused", to=address, port=topology.PORT
    )
    assert result["ms"] < netlab.AT_ONCE_MS
    cpu = netlab.cpu_seconds(tunnel.client_pid) + netlab.cpu_seconds(tunnel.proxy_pid)
    assert cpu < 1, "it loops"
    lab.expect(lab.client, "reply", "--udp")


@pytest.fixture
def any_address(lab):
    """bind(2) then says yes to every address, as keepalived and haproxy want it."""
    for family in ("ipv4", "ipv6"):
        lab.client.sysctl(f"net.{family}.ip_nonlocal_bind", 1)


@pytest.mark.parametrize("family", [4, 6])
def test_same_port_of_far_hosts_is_theirs_where_any_address_can_be_bound(lab, any_address, start_tunnel, family):
    del any_address
    start_tunnel()
    lab.serve(port=topology.PORT)
    to = {"to": topology.FAR[family], "port": topology.PORT}
    lab.expect(lab.client, "reply", "--udp", **to)
    lab.expect(lab.client, "reply", "--behaviour", "echo", "--send", 10, **to)


@pytest.mark.parametrize("how", DIRECT)
def test_direct_tcp_is_refused_where_any_address_can_be_bound(lab, any_address, tunnel, how):
    del any_address, tunnel
    address, namespace = DIRECT[how]
    lab.expect(getattr(lab, namespace), "reset,refused", to=address, port=topology.PORT)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_direct_udp_is_dropped(lab, tunnel, address):
    del tunnel
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with lab.client.socket(family, socket.SOCK_DGRAM) as sock:
        for _ in range(10):
            sock.sendto(b"to the listener", (address, topology.PORT))
    lab.expect(lab.client, "reply", "--udp")


def test_taken_port_is_one_clear_line(lab, start_tunnel):
    """Another program listens already."""
    with lab.client.socket(socket.AF_INET6, socket.SOCK_STREAM, bind=("::", topology.PORT)) as taken:
        taken.listen()
        tunnel = start_tunnel(ready=False)
        assert tunnel.client.wait() != 0
        lines = tunnel.client.log().splitlines()
        assert len(lines) == 1 and re.search(f"port {topology.PORT}\\b.*in use", lines[0]), lines


def test_several_ports(lab, server, start_tunnel):
    """-p may be repeated; the second port serves too."""
    del server
    start_tunnel(client_args="-p 12301")
    lab.client.nft("flush ruleset\n" + topology.capture_rules(12301))
    lab.traffic(lab.client, "flows", "--count", 20)
    lab.traffic(lab.client, "udp-rtt", "--count", 20)
