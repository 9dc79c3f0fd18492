"""An idle UDP flow must give back its far socket, and not too early."""

import os
import socket
import time

import netlab
import topology


def far_sockets(lab, tunnel):
    """The number of UDP sockets that the proxy holds."""
    inodes = {f"socket:[{row[2]}]" for row in lab.far.sockets("udp")}
    directory = f"/proc/{tunnel.proxy_pid}/fd"
    return sum(os.readlink(f"{directory}/{fd}") in inodes for fd in os.listdir(directory))


def start(start_tunnel, single, stream):
    args = f"--udp_timeout {single} --udp_timeout_stream {stream}"
    return start_tunnel(client_args=args, proxy_args=args)


def test_unanswered_flow_ends_after_udp_timeout(lab, start_tunnel):
    tunnel = start(start_tunnel, 3, 60)
    idle = far_sockets(lab, tunnel)
    with (
        lab.far.socket(socket.AF_INET, socket.SOCK_DGRAM, bind=(topology.FAR[4], 7400)) as sink,
        lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        sock.sendto(b"one way", (topology.FAR[4], 7400))
        assert sink.recv(100) == b"one way"
        assert far_sockets(lab, tunnel) == idle + 1
        netlab.wait_until(lambda: far_sockets(lab, tunnel) == idle, 5, "end of the flow")


def echo(sock, payload=b"echo"):
    sock.sendto(payload, (topology.FAR[4], topology.SERVER_PORT))
    assert sock.recv(100) == payload


def test_question_and_answer_end_after_udp_timeout(lab, server, start_tunnel):
    """As in the kernel's conntrack, an answer alone is no conversation: a resolver's ports would be used up."""
    del server
    tunnel = start(start_tunnel, 1, 3600)
    idle = far_sockets(lab, tunnel)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(3):
            echo(sock)
        netlab.wait_until(lambda: far_sockets(lab, tunnel) == idle, 5, "end of the flow")


def test_conversation_lives_for_udp_timeout_stream(lab, server, start_tunnel):
    del server
    tunnel = start(start_tunnel, 3, 7)
    idle = far_sockets(lab, tunnel)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            echo(sock)
            time.sleep(0.1)  # the pace of the conversation
        echo(sock)
        answered = time.monotonic()
        netlab.wait_until(lambda: far_sockets(lab, tunnel) == idle, 30, "end of the flow")
        assert time.monotonic() - answered > 6
        echo(sock, b"again")
