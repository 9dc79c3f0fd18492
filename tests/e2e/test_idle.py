"""An idle tunnel must not use the processor."""

import socket
import time

import links
import netlab
import supervised
import topology
import traffic_talk

SECONDS = 3.0


def switches(pid):
    return int(netlab.process_status(pid)["voluntary_ctxt_switches"])


def measure(pids):
    before = [(netlab.cpu_seconds(pid), switches(pid)) for pid in pids]
    time.sleep(SECONDS)  # the length of the measurement, not a wait for something
    after = [(netlab.cpu_seconds(pid), switches(pid)) for pid in pids]
    return [(new[0] - old[0], new[1] - old[1]) for old, new in zip(before, after)]


def assert_idle(pids, links_of_client=1):
    """The client is the first. On each link a ping and its answer may pass: it asks all when an address appears."""
    links_each = [links_of_client] + [1] * (len(pids) - 1)
    for (cpu, wakeups), count in zip(measure(pids), links_each):
        assert cpu <= 0.02
        assert wakeups <= 5 * SECONDS * count


def test_idle_tunnel_sleeps(lab, tunnel):
    lab.expect(lab.client, "reply", "--udp")
    lab.traffic(lab.client, "flows", "--count", 10)
    assert_idle((tunnel.client_pid, tunnel.proxy_pid))


def test_tunnel_with_idle_flows_sleeps(lab, tunnel):
    flows = [
        traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT)
        for _ in range(50)
    ]
    assert all(traffic_talk.echoes(flow) for flow in flows)
    assert_idle((tunnel.client_pid, tunnel.proxy_pid))
    assert all(traffic_talk.echoes(flow) for flow in flows)


def test_waiting_for_the_far_end_sleeps(lab, start_tunnel):
    """Not greeted yet, and a flow waits."""
    tunnel = start_tunnel(proxy_prefix="sleep 60;")
    with lab.client.connect(topology.FAR[4], topology.SERVER_PORT) as flow:
        flow.sendall(b"early")
        assert_idle((tunnel.client_pid,))
    tunnel.kill()


def test_supervised_links_sleep(lab, server, start_tunnel):
    del server
    tunnel = start_tunnel(links.link_via, count=4)
    flows = supervised.open_echoes(lab, 20)
    assert_idle((tunnel.client_pid, *tunnel.wait_up(4)), links_of_client=4)
    for flow in flows:
        flow.close()


def test_waiting_for_a_lost_link_sleeps(lab, server, start_tunnel):
    """A connection and a datagram wait in the kernel's queues: readable, and not to be read."""
    del server
    switch = links.Switch(lab.directory)
    tunnel = start_tunnel(links.link_via, via=switch.shell + "exec far tfunnel")
    assert supervised.answered(lab)
    switch.off()
    supervised.kill(tunnel.far_pids())
    supervised.wait_for_long_back_off(tunnel, 7)
    with lab.client.connect(*supervised.FAR), lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"early", supervised.FAR)
        assert_idle((tunnel.client_pid,))
