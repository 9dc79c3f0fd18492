"""TCP urgent data (telnet's synch, FTP's abort, Oracle's break) arrives as a byte in its place, and all that follows."""

import itertools
import socket
import threading

import pytest
import topology

PORT = 7600
MUCH = 3_000_000


@pytest.fixture(name="pair")
def _pair(lab, start_tunnel):
    """pair(family, data_path) -> the application's socket and the server's, both ordinary ones."""
    opened = []

    def make(family, data_path):
        start_tunnel(client_args=f"--data-path {data_path}", proxy_args=f"--data-path {data_path}")
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        listener = lab.far.socket(kind, socket.SOCK_STREAM, bind=(topology.FAR[family], PORT))
        listener.listen()
        opened.append(listener)
        application = lab.client.connect(topology.FAR[family], PORT)
        opened.append(application)
        server = listener.accept()[0]
        server.settimeout(20)
        opened.append(server)
        return application, server

    yield make
    for made in opened:
        made.close()


def send(sock, pieces):
    """An urgent X between any two of the pieces."""
    for number, piece in enumerate(pieces):
        if number:
            assert sock.send(b"X", socket.MSG_OOB) == 1
        sock.sendall(piece)
    sock.shutdown(socket.SHUT_WR)


def receive(sock):
    return b"".join(iter(lambda: sock.recv(1 << 20), b""))


SCRIPTS = {
    "first": [b"", b"b" * 5],
    "between": [b"a" * MUCH, b"b" * MUCH],
    "last": [b"a" * MUCH, b""],
    "often": [bytes([65 + number % 10]) * 40_000 for number in range(50)],
}


@pytest.mark.parametrize("data_path", ["auto", "splice", "copy"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_urgent_bytes_arrive_in_their_place(pair, script, data_path):
    pieces = SCRIPTS[script]
    for sender, receiver in itertools.permutations(pair(4, data_path)):
        thread = threading.Thread(target=send, args=(sender, pieces))
        thread.start()
        assert receive(receiver) == b"X".join(pieces)
        thread.join()


def test_urgent_bytes_over_ipv6(pair):
    application, server = pair(6, "auto")
    send(application, [b"abc", b"def"])
    assert receive(server) == b"abcXdef"
