"""A reset must arrive as a reset, never as a clean end."""

import socket
import struct

import netlab
import pytest
import topology
import traffic_talk

FAMILIES = pytest.mark.parametrize("family", [4, 6])
PORT = 7200


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def listen(lab, family):
    address = topology.FAR[family]
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    listener = lab.far.socket(kind, socket.SOCK_STREAM, bind=(address, PORT))
    listener.listen()
    return listener


def accept(listener):
    accepted, _ = listener.accept()
    accepted.settimeout(netlab.patient(10))
    return accepted


@FAMILIES
@pytest.mark.parametrize("sends", [0, 500])
def test_reset_by_the_server(lab, tunnel, family, sends):
    del tunnel
    words = ["--behaviour", "reset_after", "--send", 1000, "--server-sends", sends]
    result = lab.expect(lab.client, "reset", *words, to=topology.FAR[family])
    assert result["ms"] < netlab.AT_ONCE_MS


@FAMILIES
def test_reset_by_the_application(lab, start_tunnel, family):
    start_tunnel()
    with listen(lab, family) as listener:
        application = lab.client.connect(topology.FAR[family], PORT)
        application.sendall(b"hello")
        with accept(listener) as accepted:
            assert traffic_talk.receive_exactly(accepted, 5) == b"hello"
            reset(application)
            with pytest.raises(ConnectionResetError):
                accepted.recv(1)


def test_reset_of_a_half_closed_flow(lab, start_tunnel):
    """The server said FIN, the application answers with RST."""
    start_tunnel()
    with listen(lab, 4) as listener:
        application = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener) as accepted:
            accepted.shutdown(socket.SHUT_WR)
            assert application.recv(1) == b""
            reset(application)
            with pytest.raises(ConnectionResetError):
                while True:
                    assert accepted.recv(1) != b"", "a clean end"


def test_reset_of_a_stalled_flow(lab, start_tunnel):
    """Nobody reads, all buffers are full: the reset must overtake the bytes."""
    start_tunnel()
    with listen(lab, 4) as listener:
        application = lab.client.connect(topology.FAR[4], PORT, timeout=0.5)
        with accept(listener) as accepted:
            with pytest.raises(TimeoutError):
                while True:
                    application.send(bytes(65536))
            reset(accepted)

            def is_reset():
                try:
                    application.send(b"x")
                except TimeoutError:
                    return False
                except (ConnectionResetError, BrokenPipeError):
                    return True
                return False

            netlab.wait_until(is_reset, what="reset")
