"""A flow that nobody reads must not delay the others, nor fill the memory."""

import netlab
import pytest
import topology

STALLED = 20
# Far above a healthy round trip (well under 1 ms), far below a stall, which has no end.
MAX_P99_US = netlab.AT_ONCE_MS * 1000
MAX_GROWTH_KIB = 64 * 1024


@pytest.mark.parametrize("mode", ["unread-up", "unread-down"])
def test_stalled_flows_do_not_delay_others(lab, server, tunnel, mode):
    before = [netlab.resident_kib(pid) for pid in (tunnel.client_pid, tunnel.proxy_pid)]
    to = ["--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    words = ["--count", str(STALLED), "--mode", mode, *to]
    idle = lab.client.start([topology.traffic(), "idle", *words], name="stalled")
    idle.wait_for_log("ready")
    assert lab.traffic(lab.client, "rtt", "--count", 500)["p99_us"] < MAX_P99_US
    lab.traffic(lab.client, "flows", "--count", 50, "--parallel", 10)
    lab.traffic(lab.client, "udp-rtt", "--count", 50)
    after = [netlab.resident_kib(pid) for pid in (tunnel.client_pid, tunnel.proxy_pid)]
    for old, new in zip(before, after):
        assert new - old < MAX_GROWTH_KIB, f"grew from {before} to {after} KiB"
    idle.terminate()
    server.kill()  # else the tunnel would wait for it to read what the others had sent


def test_bulk_flow_does_not_starve_a_small_one(lab, tunnel):
    del tunnel
    to = ["--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    words = ["bulk", "--direction", "both", "--flows", "2", "--seconds", "3", *to]
    bulk = lab.client.start([topology.traffic(), *words], name="bulk")
    result = lab.traffic(lab.client, "rtt", "--count", 100, "--interval-ms", 10)
    assert result["p99_us"] < MAX_P99_US
    assert bulk.wait(40) == 0, bulk.log()
