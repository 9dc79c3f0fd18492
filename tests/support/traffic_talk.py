"""Speaks to `traffic serve` from Python: the header of traffic_wire.hpp and the UDP orders."""

import struct

import netlab

BEHAVIOURS = {
    name: number
    for number, name in enumerate(
        (
            "read_first",
            "write_first",
            "duplex",
            "collect",
            "send_and_close",
            "echo",
            "discard",
            "source",
            "request_response",
            "close_at_once",
            "reset_after",
            "never_read",
            "report",
        ),
        start=1,
    )
}
_UDP_MAGIC = b"TFudp\x00\x01\xfe"
_UDP_ORDERS = {"reply_times": 1, "reply_from": 2, "count": 3, "query": 4}


def header(behaviour, seed=0, length=0, key=0, a=0, b=0):
    number = BEHAVIOURS[behaviour]
    return struct.pack("<IB3xQQQII", 0x54464831, number, seed, length, key, a, b)


def udp_order(order, number=0, rest=b""):
    return _UDP_MAGIC + struct.pack("<BQ", _UDP_ORDERS[order], number) + rest


def receive_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {size} bytes, then EOF")
        data += piece
    return data


def open_echo(namespace, address, port, timeout=netlab.patient(10)):
    """A TCP connection to the server's echo."""
    made = namespace.connect(address, port, timeout)
    made.sendall(header("echo"))
    return made


def echoes(sock, payload=b"are you there?"):
    sock.sendall(payload)
    return receive_exactly(sock, len(payload)) == payload
