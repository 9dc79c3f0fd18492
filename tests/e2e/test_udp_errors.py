"""ICMP errors of the far side must reach the application as it would see them without a tunnel.

A connected UDP socket of Linux reports only port unreachable by itself; host and network
unreachable are reported to sockets that set IP_RECVERR.
"""

import netlab
import pytest
import topology

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SOURCES = pytest.mark.parametrize("source", ["local", "forwarded"])


@FAMILIES
@SOURCES
def test_port_unreachable(lab, tunnel, family, source):
    del tunnel
    options = {"to": topology.FAR[family], "port": topology.CLOSED_PORT}
    result = lab.expect(lab.source(source), "refused", "--udp", **options)
    assert result["errno"] == "ECONNREFUSED"
    assert result["ms"] < netlab.AT_ONCE_MS


@FAMILIES
@pytest.mark.parametrize(
    "where, errno",
    [(topology.UNREACHABLE_HOST, "EHOSTUNREACH"), (topology.NO_ROUTE, "ENETUNREACH")],
    ids=["host", "network"],
)
def test_unreachable(lab, tunnel, family, where, errno):
    del tunnel
    result = lab.expect(lab.client, "unreachable", "--udp", "--recverr", to=where[family])
    assert result["errno"] == errno
    assert result["ms"] < netlab.AT_ONCE_MS


def test_error_of_one_peer_does_not_end_the_flow(lab, tunnel):
    """The same source asks a dead peer, then a live one."""
    del tunnel
    source = f"{topology.CLIENT_WAN[4]}@9123"
    lab.expect(
        lab.client, "refused", "--udp", "--from", source, port=topology.CLOSED_PORT
    )
    lab.expect(lab.client, "reply", "--udp", "--from", source)
