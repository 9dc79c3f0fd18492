"""A UDP flow: one socket per address family for all peers, and what ICMP says about them."""

import asyncio
import errno
import socket
import struct

import problems
import resolver
import wire
from messages import pb
from problems import ProtocolError

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h; the socket module has no names for them
_IDLE_SECONDS = 240  # longer than a client waits
_AT_A_TIME = 32
_LARGEST = 65_536


def _error_number(ancillary):
    """ee_errno of struct sock_extended_err."""
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
            return struct.unpack_from("I", data)[0]
    return 0


class UdpFlow:
    transport = pb.TRANSPORT_UDP

    def __init__(self, link, request, _destination):
        self.id = request.flow
        self.sent_end = self.seen_end = False
        self._link = link
        self._sockets = {}
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()
        self._timer = self._loop.call_later(_IDLE_SECONDS, self._on_timer)

    # --- what the client says --------------------------------------------------------------------

    def on_datagram(self, peer, payload):
        if self.seen_end:
            raise ProtocolError(problems.AFTER_END)
        if self.sent_end:
            return  # it crossed the Fin
        self._used = self._loop.time()
        try:
            address, port = resolver.real(peer)
            sock = self._socket(peer, address.version)
        except OSError as problem:
            self._tell(peer, problem.errno)
            return
        # The first try may report what happened to an earlier datagram.
        for _ in range(2):
            try:
                sock.sendto(payload, (str(address), port))
                return
            except BlockingIOError:
                return
            except OSError as problem:
                if not self._read_errors(sock, tells=not resolver.is_virtual(peer[0])):
                    self._tell(peer, problem.errno)
                    return

    def on_fin(self):
        if self.seen_end:
            raise ProtocolError(problems.AFTER_END)
        self._on_end()

    def on_reset(self):
        self.close()
        self.seen_end = True
        if not self.sent_end:
            self._end(reset=pb.Reset(flow=self.id, reason=pb.REASON_CANCELLED))

    def refuse(self):
        self.close()
        self._end(reset=pb.Reset(flow=self.id, reason=pb.REASON_CANCELLED))

    def _on_end(self):
        self.seen_end = True
        self._finish()

    # --- the sockets -----------------------------------------------------------------------------

    def _socket(self, peer, version):
        """One for all peers of a family, and one for each virtual resolver: its answers must come from that peer."""
        virtual = peer if resolver.is_virtual(peer[0]) else None
        key = virtual or version
        if key not in self._sockets:
            made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            if version == 6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                made.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                made.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            self._sockets[key] = made
            self._loop.add_reader(made, self._on_readable, made, virtual)
        return self._sockets[key]

    def _on_readable(self, sock, virtual):
        for _ in range(_AT_A_TIME):
            try:
                payload, source = sock.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                self._read_errors(sock, tells=not virtual)
                return
            self._used = self._loop.time()
            if virtual and (wire.ipaddress.ip_address(source[0]), source[1]) != resolver.real(virtual):
                continue  # a stranger does not answer for the nameserver
            # What the link cannot take in time, or the client does not accept, is dropped.
            if not self._link.output.full and len(payload) <= self._link.max_datagram:
                self._link.send(datagram=pb.Datagram(flow=self.id, peer=wire.endpoint_of(virtual or source), payload=payload))

    def _read_errors(self, sock, tells):
        """Takes all that waits in the error queue, and tells it; False if nothing does."""
        found = False
        while True:
            try:
                _, ancillary, _, peer = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return found
            found = True
            if tells and len(peer) >= 2:
                self._tell(peer, _error_number(ancillary))

    def _tell(self, peer, number):
        # A datagram that is too large for the path has no Reason.
        if number != errno.EMSGSIZE and not self._link.output.full:
            error = pb.DatagramError(flow=self.id, peer=wire.endpoint_of(peer))
            error.reason = problems.reason_of(number)
            self._link.send(datagram_error=error)

    # --- the end ---------------------------------------------------------------------------------

    def _on_timer(self):
        rest = self._used + _IDLE_SECONDS - self._loop.time()
        if rest <= 0:
            self._finish()
        else:
            self._timer = self._loop.call_later(rest, self._on_timer)

    def _finish(self):
        """Ends this side with a Fin, unless it has ended already."""
        self.close()
        if not self.sent_end:
            self._end(fin=pb.Fin(flow=self.id))

    def _end(self, **frame):
        self.sent_end = True
        self._link.send(**frame)
        self._link.flows.settle(self)

    def close(self):
        self._timer.cancel()
        for sock in self._sockets.values():
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()
