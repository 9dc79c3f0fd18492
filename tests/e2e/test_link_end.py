"""When the link ends both ends must end, with a clear line and status 69."""

import re
import signal
import time

import links
import netlab
import pytest
import topology
import traffic_talk

LINK_ENDED = 69


def some_flow(lab):
    return traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT)


def one_line_says_so(process, how="the link ended$"):
    troubles = [line for line in process.log().splitlines() if re.search("error: |warning: ", line)]
    assert len(troubles) == 1 and re.search(f": error: {how}", troubles[0]), process.log()


def test_proxy_killed(lab, tunnel):
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        tunnel.proxy.signal(signal.SIGKILL)
        assert tunnel.client.wait() == LINK_ENDED
        one_line_says_so(tunnel.client)
        with pytest.raises(ConnectionResetError):
            flow.recv(1)


def test_client_killed(lab, tunnel):
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        tunnel.client.signal(signal.SIGKILL)
        assert tunnel.proxy.wait() == LINK_ENDED
        one_line_says_so(tunnel.proxy)


def test_socat_killed(lab, server, start_tunnel):
    del server
    tunnel = start_tunnel(links.link_socat, proxy_command="far tfunnel")
    client, proxy = tunnel.client_pid, tunnel.proxy_pid
    lab.expect(lab.client, "reply", "--udp")
    tunnel.script.kill()
    for pid in (client, proxy):
        netlab.wait_until(lambda pid=pid: not netlab.alive(pid), what="end of both ends")


@pytest.mark.parametrize("stopped", ["client", "proxy"])
def test_dead_peer_is_noticed(lab, server, start_tunnel, stopped):
    """A stopped process holds the link open and never answers: keep-alive must find out."""
    del server
    args = "--keepalive 1 --keepalive-timeout 2"
    tunnel = start_tunnel(client_args=args, proxy_args=args)
    lab.expect(lab.client, "reply", "--udp")
    victim = getattr(tunnel, stopped)
    survivor = tunnel.proxy if stopped == "client" else tunnel.client
    victim.signal(signal.SIGSTOP)
    assert survivor.wait(10) == LINK_ENDED
    one_line_says_so(survivor, "(the client|the far end) has been silent for 2")
    victim.kill()


@pytest.mark.parametrize("first", ["client", "proxy"])
def test_both_ends_that_were_stopped_for_long_go_on(lab, server, start_tunnel, first):
    """A suspended machine: neither end was silent, for neither could have heard the other."""
    del server
    args = "--keepalive 1 --keepalive-timeout 2"
    tunnel = start_tunnel(client_args=args, proxy_args=args)
    ends = [tunnel.client, tunnel.proxy] if first == "client" else [tunnel.proxy, tunnel.client]
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        for end in ends:
            end.signal(signal.SIGSTOP)
        flow.sendall(b"said meanwhile")
        time.sleep(3.5)  # the pause itself
        for end in ends:
            end.signal(signal.SIGCONT)
        assert traffic_talk.receive_exactly(flow, 14) == b"said meanwhile"
        assert traffic_talk.echoes(flow)
        assert tunnel.client.running() and tunnel.proxy.running()


def test_closed_link_before_the_greeting(start_tunnel):
    """`ssh` that cannot log in: the far end is gone without a word."""
    tunnel = start_tunnel(proxy_command="true", ready=False)
    assert tunnel.client.wait() == LINK_ENDED
    one_line_says_so(tunnel.client, "the link ended before the far end said anything")
