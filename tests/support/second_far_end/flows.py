"""Which flows there are: ids, limits, and which frame may name which flow."""

import problems
import wire
from messages import pb
from problems import ProtocolError
from tcp_flow import MAX_CREDIT, TcpFlow
from udp_flow import UdpFlow

MAX_FLOWS = 4_096
INITIAL_CREDIT = 65_536
_BEFORE_THE_FIRST = (1 << 32) - 1


def _serially_higher(number, than):
    """The arithmetic of RFC 1982, for 32 bits."""
    return 0 < (number - than) % (1 << 32) < 1 << 31


class Flows:
    def __init__(self, link):
        self._link = link
        self._open = {}  # id -> flow, until both directions have ended
        self._last = None  # the newest id
        self.connections = set()  # TCP flows whose connection is not closed yet, also if the flow is over

    def __iter__(self):
        return iter(list(self._open.values()))

    def open(self, request):
        self._check_id(request.flow)
        if len(self._open) >= MAX_FLOWS:
            raise ProtocolError(problems.TOO_MANY)
        destination = self._check(request)
        self._last = request.flow
        kind = TcpFlow if request.transport == pb.TRANSPORT_TCP else UdpFlow
        flow = self._open[request.flow] = kind(self._link, request, destination)
        if kind is TcpFlow:
            self.connections.add(flow)
        return flow

    def _check_id(self, number):
        higher = _serially_higher(number, _BEFORE_THE_FIRST if self._last is None else self._last)
        if number % 2 == 0 or not higher or number in self._open:
            raise ProtocolError(problems.NOT_FREE)

    def _check(self, request):
        """The destination; None for UDP."""
        tcp = request.transport == pb.TRANSPORT_TCP
        known = tcp or request.transport == pb.TRANSPORT_UDP
        destination = wire.address_of(request.destination) if tcp else None
        if not known or not wire.address_of(request.source) or (tcp and not destination):
            raise ProtocolError(problems.BAD_OPEN)
        if request.credit > MAX_CREDIT:
            raise ProtocolError(problems.BAD_OPEN)
        if request.early > INITIAL_CREDIT:
            raise ProtocolError(problems.TOO_MUCH_DATA)
        return destination

    def find(self, number, transport=None):
        flow = self._open.get(number)
        if flow is None:
            raise ProtocolError(problems.NEVER_OPENED)
        if transport is not None and flow.transport != transport:
            raise ProtocolError(problems.WRONG_TRANSPORT)
        return flow

    def find_or_late(self, number):
        """For what may arrive late: None if the flow is over."""
        flow = self._open.get(number)
        was = self._last is not None and number % 2 == 1 and not _serially_higher(number, self._last)
        if flow is None and not was:
            raise ProtocolError(problems.NEVER_OPENED)
        return flow

    def forget(self, flow):
        self.connections.discard(flow)

    def settle(self, flow):
        """Frees the id once both directions have ended."""
        if flow.sent_end and flow.seen_end and self._open.get(flow.id) is flow:
            del self._open[flow.id]
