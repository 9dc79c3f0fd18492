"""A slow login must not cost a flow: what is captured meanwhile waits for the greeting."""

import socket

import links
import netlab
import pytest
import topology
import traffic_talk

FAR = (topology.FAR[4], topology.SERVER_PORT)


@pytest.fixture(name="gate")
def _gate(lab):
    return links.Gate(lab.directory)


def test_tcp_flows_wait_for_the_greeting(lab, server, start_tunnel, gate):
    del server
    start_tunnel(proxy_prefix=gate.shell)
    flows = [lab.client.connect(*FAR) for _ in range(20)]
    for flow in flows:
        flow.sendall(traffic_talk.header("echo") + b"early")
    gate.open()
    for flow in flows:
        assert traffic_talk.receive_exactly(flow, 5) == b"early"
        flow.close()


def test_half_closed_flow_waits_for_the_greeting(lab, server, start_tunnel, gate):
    del server
    start_tunnel(proxy_prefix=gate.shell)
    with lab.client.connect(*FAR) as flow:
        flow.sendall(traffic_talk.header("echo") + b"all I had to say")
        flow.shutdown(socket.SHUT_WR)
        gate.open()
        assert traffic_talk.receive_exactly(flow, 16) == b"all I had to say"
        assert flow.recv(1) == b""


def test_udp_waits_for_the_greeting(lab, server, start_tunnel, gate):
    del server
    start_tunnel(proxy_prefix=gate.shell)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"early", FAR)
        gate.open()
        assert sock.recv(100) == b"early"


def test_login_banner_is_skipped(lab, server, start_tunnel):
    del server
    noise = "printf 'Welcome to host\\r\\n\\0\\377'; seq 1 5000;"
    start_tunnel(proxy_prefix=noise)
    lab.traffic(lab.client, "flows", "--count", 20)


def test_flow_that_gave_up_waiting_is_no_harm(lab, server, start_tunnel, gate):
    del server
    tunnel = start_tunnel(proxy_prefix=gate.shell)
    for _ in range(50):
        lab.client.connect(*FAR).close()
    gate.open()
    lab.traffic(lab.client, "flows", "--count", 20)
    assert netlab.alive(tunnel.client_pid)
