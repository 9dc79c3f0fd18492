"""Behind a link that takes nothing, datagrams are dropped by age; flows wait; memory stays flat."""

import contextlib
import signal
import socket
import time

import netlab
import pytest
import topology
import traffic_talk

PEER = (topology.FAR[4], topology.SERVER_PORT)
MAX_GROWTH_KIB = 16 * 1024


@pytest.fixture(name="stopped")
def _stopped(tunnel):
    """stopped() as a context: the proxy reads nothing meanwhile."""

    @contextlib.contextmanager
    def stop():
        tunnel.proxy.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            tunnel.proxy.signal(signal.SIGCONT)

    return stop


def test_burst_is_dropped_by_age(lab, tunnel, stopped):
    before = netlab.resident_kib(tunnel.client_pid)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as burst:
        burst.connect(PEER)
        burst.send(b"open the flow")
        assert burst.recv(100) == b"open the flow"
        with stopped():
            for number in range(40000):
                burst.send(number.to_bytes(8, "big") + bytes(1192))
            time.sleep(1.5)  # so that the whole burst is old
        with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"young", PEER)
            assert sock.recv(100) == b"young"
    assert netlab.resident_kib(tunnel.client_pid) - before < MAX_GROWTH_KIB
    tunnel.client.wait_for_table("(?i)drop")


def test_flows_go_on_after_a_pause(lab, tunnel, stopped):
    del tunnel
    with traffic_talk.open_echo(lab.client, *PEER) as flow:
        assert traffic_talk.echoes(flow)
        with stopped():
            flow.sendall(b"x" * 50000)
            time.sleep(0.5)  # the pause itself
        assert traffic_talk.receive_exactly(flow, 50000) == b"x" * 50000


def test_flow_opened_during_a_pause(lab, tunnel, stopped):
    del tunnel
    with stopped():
        flow = traffic_talk.open_echo(lab.client, *PEER)
        flow.sendall(b"early")
    with flow:
        assert traffic_talk.receive_exactly(flow, 5) == b"early"
