"""A TCP flow: the connection to the destination, and the credit of both directions."""

import asyncio
import collections
import fcntl
import socket
import struct
import termios

import problems
import resolver
import wire
from messages import pb
from problems import ProtocolError

WINDOW = 262_144  # what the client may have under way on one flow
MAX_CREDIT = 1 << 30
_PIECE = 16_384
_CONNECT_SECONDS = 60
_QUIET = 0.05  # while the link is drained, a connection that says nothing for so long has said all that counts
_DRAIN_MOST = 4 << 20
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger


def _queued(sock, request):
    """Bytes that wait in the kernel, in the direction that `request` names."""
    return struct.unpack("i", fcntl.ioctl(sock, request, bytes(4)))[0] if sock.fileno() >= 0 else 0


def _make_socket(version):
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class TcpFlow:
    """Its task runs from the Open until the connection is closed, which may be after the flow is over: what came before
    a Fin is delivered even then."""

    transport = pb.TRANSPORT_TCP

    def __init__(self, link, request, destination):
        self.id = request.flow
        self.destination = destination
        self.sent_end = self.seen_end = False
        self._link = link
        self._sock = _make_socket(resolver.family_of(destination))
        self._connected = self._cut = False
        self._inbox = collections.deque()
        self._arrived = asyncio.Event()  # something for _upload()
        self._granted = request.early  # what the client may still send
        self._credit = request.credit  # what this side may still send
        self._more_credit = asyncio.Event()
        self._fin_seen = self._fin_passed = self._reset_sent = False
        # Payload bytes that came, those that the destination's socket took, and those that came before the newest Drain.
        self._received = self._passed = self._marked = 0
        self._draining = self._fin_marked = self._reading_done = False
        self._said_since_drain = 0
        self._readable = None
        self._link_over = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._on_done)  # also if it is cancelled before it has begun

    def _on_done(self, _task):
        self._sock.close()
        self._link.flows.forget(self)

    # --- what the client says --------------------------------------------------------------------

    def on_data(self, payload):
        if self.seen_end:
            raise ProtocolError(problems.AFTER_END)
        if len(payload) > self._granted:
            raise ProtocolError(problems.TOO_MUCH_DATA)
        self._granted -= len(payload)
        if not self._reset_sent:
            self._received += len(payload)
            self._inbox.append(payload)
            self._arrived.set()

    def on_credit(self, count):
        if self._credit + count > MAX_CREDIT:
            raise ProtocolError(problems.TOO_MUCH_CREDIT)
        self._credit += count
        self._more_credit.set()

    def on_fin(self):
        if self.seen_end:
            raise ProtocolError(problems.AFTER_END)
        self.seen_end = self._fin_seen = True
        self._arrived.set()

    def on_reset(self):
        self.seen_end = True
        if not self.sent_end:
            self._send_reset(pb.REASON_CANCELLED)
        self._break_off()

    def refuse(self):
        self._send_reset(pb.REASON_CANCELLED)
        self._break_off()

    # --- the connection --------------------------------------------------------------------------

    async def _run(self):
        try:
            await self._connect()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._upload())
                both.create_task(self._download())
            if not self.sent_end:
                await self._link_over.wait()  # not read to its end, so its end is that of the link
        except* OSError as group:
            self._send_reset(problems.reason_of(group.exceptions[0]))
            self._break_off()

    async def _connect(self):
        self.grant()
        address, port = resolver.real(self.destination)
        connecting = asyncio.get_running_loop().sock_connect(self._sock, (str(address), port))
        await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        self._connected = True
        self._link.send(opened=pb.Opened(flow=self.id, local=wire.endpoint_of(self._sock.getsockname())))

    async def _upload(self):
        """From the client to the destination, with the Fin behind the last byte."""
        loop = asyncio.get_running_loop()
        while self._inbox or not self._fin_seen:
            if self._inbox:
                await loop.sock_sendall(self._sock, self._inbox[0])
                self._count(len(self._inbox[0]))
                self._passed += len(self._inbox.popleft())
                self.grant()
            elif self._cut:
                await self._break_off_behind_the_last_byte()
            else:
                self._arrived.clear()
                await self._arrived.wait()
        self._sock.shutdown(socket.SHUT_WR)
        self._fin_passed = True
        self._count(1)

    async def _break_off_behind_the_last_byte(self):
        while _queued(self._sock, termios.TIOCOUTQ):
            await asyncio.sleep(_QUIET)
        self._break_off()
        await asyncio.Event().wait()

    async def _download(self):
        """From the destination to the client; ends with a Fin, or without one while the link is drained."""
        while (data := await self._receive()) is not None:
            await self._link.output.room()
            if self._reset_sent:
                return
            if not data:
                self._end(fin=pb.Fin(flow=self.id))
                break
            self._link.send(data=pb.Data(flow=self.id, payload=data))
            self._count(len(data))
            await asyncio.sleep(0)  # a fast destination must not keep the link from being read
        self._reading_done = True

    async def _receive(self):
        """As much as there is credit for; None while the link is drained and nothing comes that counts."""
        while True:
            while not self._credit:
                self._more_credit.clear()
                await self._more_credit.wait()
            if self._said_since_drain > _DRAIN_MOST:
                return None
            try:
                data = self._sock.recv(min(self._credit, _PIECE))
            except BlockingIOError:
                if not await self._wait_readable():
                    return None
                continue
            self._credit -= len(data)
            self._said_since_drain += len(data) if self._draining else 0
            return data

    async def _wait_readable(self):
        """False: nothing came for a while, and the link is being drained. mark() ends the wait, too."""
        loop = asyncio.get_running_loop()
        self._readable = asyncio.Event()
        loop.add_reader(self._sock, self._readable.set)
        try:
            async with asyncio.timeout(_QUIET if self._draining else None):
                await self._readable.wait()
            return True
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._sock)

    def _count(self, progress):
        self._link.drain.progress += progress

    # --- ends and grants -------------------------------------------------------------------------

    def grant(self):
        """What is missing to the whole window, once half of it is neither under way nor held."""
        used = self._granted + self._received - self._passed
        if not self.seen_end and not self._reset_sent and used <= WINDOW // 2:
            self._granted += WINDOW - used
            self._link.send(credit=pb.Credit(flow=self.id, bytes=WINDOW - used))

    def _end(self, **frame):
        self.sent_end = True
        self._link.send(**frame)
        self._link.flows.settle(self)

    def _send_reset(self, reason):
        """A Reset may follow this side's Fin, as long as the flow is not over."""
        if not self._reset_sent and not (self.sent_end and self.seen_end):
            self._reset_sent = True
            self._end(reset=pb.Reset(flow=self.id, reason=reason))

    def _break_off(self):
        """The destination sees a TCP reset."""
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._reset_sent = self._reading_done = True
        self._inbox.clear()
        self._passed = self._received
        if asyncio.current_task() is not self._task:
            self._task.cancel()

    # --- the end of the link ---------------------------------------------------------------------

    def mark(self):
        """A Drain: what came until now counts, and what the destination has said by now."""
        self._marked, self._fin_marked, self._draining = self._received, self._fin_seen, True
        if self._readable:
            self._readable.set()

    def left_to_deliver(self):
        """(bytes, whether this connection counts) of what came before the newest Drain."""
        if self._reset_sent:
            return 0, False
        left = max(0, self._marked - self._passed)
        if self._connected and not self._fin_seen:
            # The end of the link will reset it, and what is not acknowledged by then is lost.
            left = min(self._marked, left + _queued(self._sock, termios.TIOCOUTQ))
        return left, bool(left) or self._fin_marked and not self._fin_passed

    def left_to_send(self):
        """(bytes, whether this connection counts) of what the destination has said."""
        if self._reading_done or self.sent_end or not self._connected:
            return 0, False
        return _queued(self._sock, termios.FIONREAD), True

    def link_ended(self):
        """Only what came whole, or waits for a connection that is being made, still has a future."""
        self.sent_end = True
        self._credit, self._cut = MAX_CREDIT, True  # the answers go nowhere, but must not be refused
        self._more_credit.set()
        self._arrived.set()
        if not self._fin_seen and (self._connected or not self._inbox):
            self._break_off()
        self._link_over.set()

    @property
    def delivered(self):
        return self._task.done() or self._fin_passed and not _queued(self._sock, termios.TIOCOUTQ)

    def close(self):
        """After the end of the link. What is not delivered must not look as if it were."""
        if not self.delivered:
            self._break_off()
        self._task.cancel()
