"""A hand-written end of the protocol (proto/PROTOCOL.md), for peers that do what no tfunnel does."""

import ipaddress
import threading

GREETING = b"\0tfunnel\r\n\x1a\n\xff\xfe\0\1"
ROLE_CLIENT = 1
TCP, UDP = 1, 2
(HELLO, OPEN, OPENED, DATA, CREDIT, FIN, RESET, DATAGRAM, DATAGRAM_ERROR, PING, PONG, ACK, GO_AWAY) = range(1, 14)


def varint(number):
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(groups + bytes([number]))


def number(field, value):
    return varint(field << 3) + varint(value)


def piece(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def frame(kind, *fields):
    message = piece(kind, b"".join(fields))
    return varint(len(message)) + message


def endpoint(address, port):
    return piece(1, ipaddress.ip_address(address).packed) + number(2, port)


def hello(initial_credit=65536, max_flows=65536):
    return frame(HELLO, number(2, ROLE_CLIENT), number(3, initial_credit), number(4, max_flows))


def open_tcp(flow, address, port, early, credit=65536, source=("192.0.2.1", 1)):
    ends = piece(3, endpoint(*source)), piece(4, endpoint(address, port))
    return frame(OPEN, number(1, flow), number(2, TCP), *ends, number(5, credit), number(6, early))


def open_udp(flow):
    return frame(OPEN, number(1, flow), number(2, UDP), piece(3, endpoint("192.0.2.1", 1)))


def data(flow, payload):
    return frame(DATA, number(1, flow), piece(15, payload))


def datagram(flow, address, port, payload):
    return frame(DATAGRAM, number(1, flow), piece(2, endpoint(address, port)), piece(15, payload))


class Reader(threading.Thread):
    """Takes whatever the other end says, answers each piece with an Ack, and counts the frames of each kind."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.counts = {}
        self.initial_credit = 0
        self.has_hello = threading.Event()
        self._process = process
        self._lock = threading.Lock()
        self._buffer = b""
        self.send(GREETING + hello())
        self.start()

    def send(self, message):
        with self._lock:
            self._process.popen.stdin.write(message)
            self._process.popen.stdin.flush()

    def run(self):
        stream = self._process.popen.stdout
        stream.read(len(GREETING))
        total = 0
        while received := stream.read1(1 << 16):
            total += len(received)
            self._buffer += received
            self._take_frames()
            try:
                self.send(frame(ACK, number(1, total), number(2, total)))
            except (BrokenPipeError, ValueError):
                return

    def _take_frames(self):
        at = 0
        while True:
            length, start = self._varint(at)
            if length is None or start + length > len(self._buffer):
                break
            self._take(self._buffer[start : start + length])
            at = start + length
        self._buffer = self._buffer[at:]

    def _varint(self, at):
        value = shift = 0
        for place in range(at, min(at + 5, len(self._buffer))):
            value |= (self._buffer[place] & 0x7F) << shift
            shift += 7
            if self._buffer[place] < 0x80:
                return value, place + 1
        return None, at

    def _take(self, message):
        kind = message[0] >> 3
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == HELLO:
            self.has_hello.set()
