"""Traffic of every kind must reach the far server, whoever sent it."""

import pytest
import topology

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SOURCES = pytest.mark.parametrize("source", ["local", "forwarded"])


@FAMILIES
@SOURCES
def test_tcp_arrives(lab, tunnel, family, source):
    del tunnel
    lab.traffic(lab.source(source), "flows", "--count", 50, "--parallel", 10, to=topology.FAR[family])


@FAMILIES
@SOURCES
def test_udp_arrives(lab, tunnel, family, source):
    del tunnel
    lab.traffic(lab.source(source), "udp-rtt", "--count", 50, to=topology.FAR[family])


@FAMILIES
def test_server_that_speaks_first_is_heard(lab, tunnel, family):
    del tunnel
    lab.expect(
        lab.client, "reply", to=topology.FAR[family], port=topology.SERVER_PORT + 1
    )


@FAMILIES
def test_far_server_sees_the_asked_address(lab, start_tunnel, family):
    """Not another address of the same machine, and not another port."""
    start_tunnel()
    lab.serve(port=7100)
    other = topology.FAR_OTHER[family]
    lab.expect(lab.client, "reply", "--udp", to=other, port=7100)
    lab.expect(lab.client, "reply", "--behaviour", "echo", "--send", 10, to=other, port=7100)
