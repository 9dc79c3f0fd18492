"""Bytes to frames and back: sections 1 and 2 of proto/PROTOCOL.md. No sockets here."""

import ipaddress
import warnings
from dataclasses import dataclass

from google.protobuf.message import DecodeError

import problems
from messages import pb
from problems import NoTunnel, ProtocolError

VERSION = 1
_FIXED = b"\x00tfunnel\r\n\x1a\n\xff\xfe"
GREETING = _FIXED + VERSION.to_bytes(2, "big")
_MAX_NOISE = 65_536
_MAX_MESSAGE = 1_048_640
_MAX_CONTROL = 16_384
_MAX_BEFORE_PAYLOAD = 1_024
_MAX_PEER = 64
_MAX_LENGTH_BYTES = 5
MAX_DATAGRAM = 65_527
_DATA, _DATAGRAM, _PAYLOAD = 0x22, 0x42, 0x7A  # tags: field number and wire type 2


@dataclass
class Payload:
    """A Data or Datagram: `header` is its message without the payload."""

    header: object
    payload: bytes


def _varint(data, at):
    """(value, where it ends), or None while bytes are missing."""
    value = 0
    for count in range(10):
        if at + count >= len(data):
            return None
        value |= (data[at + count] & 0x7F) << (7 * count)
        if data[at + count] < 0x80:
            return value, at + count + 1
    raise ProtocolError(problems.UNPARSABLE)


def encode_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(**kind):
    """encode(fin=pb.Fin(flow=1)): one frame with its length. protobuf writes fields by their numbers, so payload comes last."""
    message = pb.Frame(**kind).SerializeToString()
    return encode_varint(len(message)) + message


# What stands behind a stray end of a group would be dropped with a warning.
warnings.filterwarnings("error", message="Unexpected end-group tag")


def parse(message_type, data):
    try:
        return message_type.FromString(data)
    except (DecodeError, ValueError, RuntimeWarning) as problem:
        raise ProtocolError(problems.UNPARSABLE) from problem


def _complete(pair):
    if pair is None:
        raise ProtocolError(problems.UNPARSABLE)
    return pair


def _skip_field(data, at, wire_type):
    """Where the field's value ends."""
    if wire_type == 0:
        return _complete(_varint(data, at))[1]
    if wire_type == 2:
        size, at = _complete(_varint(data, at))
        return at + size
    if wire_type in (1, 5):
        return at + (8 if wire_type == 1 else 4)
    if wire_type in (3, 4):
        return at  # a group: its fields follow
    raise ProtocolError(problems.UNPARSABLE)


def _split_payload(body):
    """(what stands before the payload, the payload)"""
    at = 0
    while at < len(body):
        tag, value = _complete(_varint(body, at))
        if tag == _PAYLOAD:
            size, start = _complete(_varint(body, value))
            if start + size != len(body):
                raise ProtocolError(problems.NOT_LAST if start + size < len(body) else problems.UNPARSABLE)
            return body[:at], body[start:]
        at = _skip_field(body, value, tag & 7)
    if at != len(body):
        raise ProtocolError(problems.UNPARSABLE)
    return body, b""


def _parse_payload(message):
    size, start = _complete(_varint(message, 1))
    if start + size != len(message):
        raise ProtocolError(problems.NOT_LAST if start + size < len(message) else problems.UNPARSABLE)
    before, payload = _split_payload(message[start:])
    if len(message) - len(payload) > _MAX_BEFORE_PAYLOAD:
        raise ProtocolError(problems.UNPARSABLE)
    header = parse(pb.Data if message[0] == _DATA else pb.Datagram, before)
    if message[0] == _DATAGRAM and (len(payload) > MAX_DATAGRAM or header.peer.ByteSize() > _MAX_PEER):
        raise ProtocolError(problems.UNPARSABLE)
    return Payload(header, payload)


def parse_frame(message):
    """A Payload or a pb.Frame."""
    if message[:1] in (b"\x22", b"\x42"):
        return _parse_payload(message)
    if len(message) > _MAX_CONTROL:
        raise ProtocolError(problems.TOO_LARGE)
    frame = parse(pb.Frame, message)
    if frame.WhichOneof("kind") in ("data", "datagram"):
        raise ProtocolError(problems.NOT_LAST)
    return frame


class Reader:
    """Takes bytes as they come. `consumed` counts those behind the greeting, as an Ack does."""

    def __init__(self):
        self._buffer = bytearray()
        self.greeted = False
        self.consumed = 0

    def feed(self, data):
        self._buffer += data
        if self.greeted:
            self.consumed += len(data)
        else:
            self._search()

    def _search(self):
        at = self._buffer.find(_FIXED)
        if at < 0 or at > _MAX_NOISE:
            if at > 0 or len(self._buffer) > _MAX_NOISE + len(_FIXED):
                raise NoTunnel(f"no tfunnel at the other end: it says {bytes(self._buffer[:60])!r}")
            return
        end = at + len(GREETING)
        if len(self._buffer) < end:
            return
        version = int.from_bytes(self._buffer[end - 2 : end], "big")
        if version != VERSION:
            raise NoTunnel(f"the other end speaks version {version} of the protocol, this one {VERSION}")
        del self._buffer[:end]
        self.greeted = True
        self.consumed = len(self._buffer)

    def frames(self):
        """Yields (size on the link, frame) for all that have come whole."""
        at = 0
        try:
            while self.greeted and (found := self._message(at)):
                start, end = found
                size, at = end - at, end
                yield size, parse_frame(bytes(self._buffer[start:end]))
        finally:
            del self._buffer[:at]

    def _message(self, at):
        length = _varint(self._buffer[at : at + _MAX_LENGTH_BYTES], 0)
        if length is None:
            if len(self._buffer) - at >= _MAX_LENGTH_BYTES:
                raise ProtocolError(problems.UNPARSABLE)
            return None
        size, used = length
        if size > _MAX_MESSAGE:
            raise ProtocolError(problems.TOO_LARGE)
        start = at + used
        if size > _MAX_CONTROL and len(self._buffer) > start and self._buffer[start] not in (_DATA, _DATAGRAM):
            raise ProtocolError(problems.TOO_LARGE)
        return (start, start + size) if len(self._buffer) >= start + size else None


def address_of(endpoint):
    """(ipaddress, port) of a pb.Endpoint; None if it is a bad one."""
    if len(endpoint.address) not in (4, 16) or endpoint.port > 65_535:
        return None
    address = ipaddress.ip_address(endpoint.address)
    return getattr(address, "ipv4_mapped", None) or address, endpoint.port


def endpoint_of(sockaddr):
    """The pb.Endpoint of what the socket module calls an address."""
    address = ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return pb.Endpoint(address=address.packed, port=sockaddr[1])
