"""Nothing may be lost, mixed up or piled up, however many flows come and go."""

import os

import links
import netlab
import pytest
import topology

SHORT_COUNT = int(os.environ.get("E2E_SHORT_COUNT", "100000"))
# Allocator noise; a leak of only 100 bytes a connection would be 9 MiB.
MAX_GROWTH_KIB = 4096


@pytest.fixture
def socat_ssh(server, commands, start_tunnel):
    """socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel' with a real sshd."""
    del server
    commands.start_sshd()
    return start_tunnel(links.link_socat)


@pytest.mark.slow
def test_thousand_flows_keep_their_bytes(lab, socat_ssh):
    del socat_ssh
    result = lab.traffic(lab.client, "flows", "--count", 1000, "--parallel", 100, "--seed", 7)
    assert result["ok"] == 1000


@pytest.mark.slow
def test_thousand_flows_over_ipv6(lab, socat_ssh):
    del socat_ssh
    words = ["--count", 1000, "--parallel", 100, "--seed", 8, "--max-size", 200000]
    assert lab.traffic(lab.client, "flows", *words, to=topology.FAR[6])["ok"] == 1000


@pytest.mark.slow
def test_short_connections_leave_no_trace(lab, socat_ssh):
    def run(count):
        lab.traffic(lab.client, "short", "--count", count, "--parallel", 32, timeout=1200)

    pids = socat_ssh.client_pid, socat_ssh.proxy_pid
    run(SHORT_COUNT // 10)
    before = [netlab.resident_kib(pid) for pid in pids]
    run(SHORT_COUNT - SHORT_COUNT // 10)
    after = [netlab.resident_kib(pid) for pid in pids]
    assert pids == (socat_ssh.client_pid, socat_ssh.proxy_pid), "not one life of the tunnel"
    for old, new in zip(before, after):
        assert new - old < MAX_GROWTH_KIB, f"grew from {before} to {after} KiB"


def test_short_connections_that_the_client_closes(lab, tunnel):
    del tunnel
    words = ["--count", min(SHORT_COUNT, 5000), "--parallel", 32, "--client-closes-first"]
    lab.traffic(lab.client, "short", *words)


def test_bash_coproc_is_a_link(lab, server, commands, start_tunnel):
    del server
    commands.start_sshd()
    start_tunnel(links.link_coproc)
    lab.traffic(lab.client, "flows", "--count", 100, "--parallel", 20)
    lab.traffic(lab.client, "udp-sizes")


def test_socketpair_is_a_link(lab, server, start_tunnel):
    del server
    start_tunnel(sockets=True)
    lab.traffic(lab.client, "flows", "--count", 100, "--parallel", 20)
    lab.traffic(lab.client, "udp-sizes")


def test_open_flows_do_not_disturb_new_ones(lab, tunnel):
    del tunnel
    to = ["--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    idle = lab.client.start([topology.traffic(), "idle", "--count", "500", *to], name="idle")
    idle.wait_for_log("ready", timeout=30)
    lab.traffic(lab.client, "flows", "--count", 100, "--parallel", 20)
    assert idle.terminate(30) == 0, idle.log()
