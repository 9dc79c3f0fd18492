"""A destination that cannot be reached ends the application's connection at once, and the log
says why."""

import netlab
import pytest
import topology

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SOURCES = pytest.mark.parametrize("source", ["local", "forwarded"])
# A client that answers before the far side did can only reset; a truthful one may refuse.
ENDED = "reset,refused,unreachable"


@FAMILIES
@SOURCES
def test_refused(lab, tunnel, family, source):
    result = lab.expect(
        lab.source(source), ENDED, to=topology.FAR[family], port=topology.CLOSED_PORT
    )
    assert result["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("(?i)refused")


@FAMILIES
def test_host_unreachable(lab, tunnel, family):
    assert lab.expect(lab.client, ENDED, to=topology.UNREACHABLE_HOST[family])["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("(?i)unreachable|no route to host")


@FAMILIES
def test_network_unreachable(lab, tunnel, family):
    assert lab.expect(lab.client, ENDED, to=topology.NO_ROUTE[family])["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("(?i)unreachable")


@FAMILIES
def test_silent_destination_times_out(lab, start_tunnel, family):
    tunnel = start_tunnel(proxy_args="--connect-timeout 1")
    result = lab.expect(lab.client, ENDED + ",timeout", to=topology.SILENT_HOST[family])
    assert result["errno"] in ("ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH"), result
    assert result["ms"] > 900
    tunnel.wait_for_log("(?i)timed.?out")


def test_failed_connects_leave_the_tunnel_working(lab, tunnel):
    del tunnel
    for _ in range(100):
        lab.expect(lab.client, ENDED, port=topology.CLOSED_PORT)
    lab.traffic(lab.client, "flows", "--count", 20)


def test_refused_with_data_already_sent(lab, tunnel):
    """The bytes were taken before the answer came; the end is still a reset, not an EOF."""
    del tunnel
    lab.expect(lab.client, ENDED, "--send", 100000, port=topology.CLOSED_PORT)
