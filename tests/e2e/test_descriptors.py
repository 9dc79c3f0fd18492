"""Out of descriptors: what is open goes on, nothing spins, and it recovers by itself."""

import contextlib
import time

import netlab
import pytest
import topology
import traffic_talk

FAR = (topology.FAR[4], topology.SERVER_PORT)
LIMIT = 64
MAX_CPU = 0.3  # of one core


def cpu_share(pids, seconds=1.5):
    before = sum(map(netlab.cpu_seconds, pids))
    time.sleep(seconds)  # the length of the measurement, not a wait for something
    return (sum(map(netlab.cpu_seconds, pids)) - before) / seconds


def open_flows(lab, count):
    """As many as the tunnel takes; the rest it may reset or leave waiting."""
    flows = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            flows.append(lab.client.connect(*FAR, timeout=2))
            flows[-1].sendall(traffic_talk.header("echo"))
    return flows


def works(lab):
    result = lab.expect(
        lab.client, "reply", "--behaviour", "echo", "--send", 10, "--timeout-ms", 3000, check=False
    )
    return result["ok"]


@pytest.mark.parametrize("end", ["client", "proxy"])
def test_exhaustion(lab, server, start_tunnel, end):
    del server
    tunnel = start_tunnel(**{f"{end}_prefix": f"ulimit -n {LIMIT};"})
    pids = tunnel.client_pid, tunnel.proxy_pid
    with traffic_talk.open_echo(lab.client, *FAR) as existing:
        assert traffic_talk.echoes(existing)
        more = open_flows(lab, 3 * LIMIT)
        assert traffic_talk.echoes(existing)
        assert cpu_share(pids) < MAX_CPU
        assert traffic_talk.echoes(existing, bytes(100000))
        for flow in more:
            flow.close()
        netlab.wait_until(lambda: works(lab), 15, "recovery")
        assert traffic_talk.echoes(existing)


def test_soft_limit_is_raised(lab, server, start_tunnel):
    """A soft limit of 1,024 is the usual default, and too low for a gateway."""
    del server
    tunnel = start_tunnel(client_prefix="ulimit -Sn 64;", proxy_prefix="ulimit -Sn 64;")
    to = ["--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    idle = lab.client.start([topology.traffic(), "idle", "--count", "200", *to], name="idle")
    idle.wait_for_log("ready", timeout=30)
    assert idle.terminate(30) == 0, idle.log()
    assert tunnel.client.running() and tunnel.proxy.running()
