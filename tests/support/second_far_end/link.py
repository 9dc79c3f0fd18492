"""The link: greeting, Hello, every frame to whom it concerns, acknowledgements, signs of life, and the end."""

import asyncio
import contextlib
import os
import sys
import time

import problems
import wire
from drain import Drain
from flows import INITIAL_CREDIT, MAX_FLOWS, Flows
from messages import pb
from output import Output
from problems import NoTunnel, ProtocolError

_PROTOCOL, _LOST, _IN_ORDER = 76, 69, 0
_ACK_SECONDS = 0.002
_ACKS_WORTH_AN_ACK = 1_024
_PING_AFTER, _GIVE_UP_AFTER = 20, 60  # seconds of silence
_LAST_WORDS_SECONDS, _LOOK_SECONDS = 1, 0.02
_STATUS = {pb.GoAway.CODE_SHUTDOWN: _IN_ORDER, pb.GoAway.CODE_TIMED_OUT: _LOST}


def say(text):
    print(f"second far end: {text}", file=sys.stderr, flush=True)


class Link:
    def __init__(self, input_fd, output_fd):
        self._loop = asyncio.get_running_loop()
        self._input, self._fds = input_fd, (input_fd, output_fd)
        self._reader = wire.Reader()
        self.output = Output(output_fd)
        self.flows = Flows(self)
        self.drain = Drain(self)
        self._hello = None
        self._ended = self._loop.create_future()
        self._acked = self._ack_bytes = 0  # told so far; bytes of Acks that came since then
        self._last_arrival = 0
        self._ack_timer = None
        self._silent = self._stuck = 0
        self._written = 0

    @property
    def max_datagram(self):
        return min(self._hello.max_datagram or 65_507, wire.MAX_DATAGRAM)

    @property
    def peer_drains(self):
        return bool(self._hello and self._hello.features & pb.FEATURE_DRAIN)

    async def run(self):
        """Until the link has ended; returns the exit status."""
        self.output.send(wire.GREETING)
        hello = pb.Hello(software="second far end", role=pb.ROLE_PROXY, initial_credit=INITIAL_CREDIT)
        hello.max_flows, hello.features, hello.max_datagram = MAX_FLOWS, pb.FEATURE_DRAIN, wire.MAX_DATAGRAM
        self.send(hello=hello)
        os.set_blocking(self._input, False)
        self._loop.add_reader(self._input, self._on_readable)
        ticking = asyncio.create_task(self._tick())
        try:
            return await self._ended
        finally:
            ticking.cancel()
            self._loop.remove_reader(self._input)
            await self._last_words()

    def send(self, **kind):
        if not self._ended.done():
            self.output.send(wire.encode(**kind))

    # --- the end ---------------------------------------------------------------------------------

    def end(self, status, text="", code=None):
        """With a code: this side ends the link, and says why."""
        if self._ended.done():
            return
        if text:
            say(text)
        if code is not None:
            self.send(go_away=pb.GoAway(code=code, message=text))
        self._ended.set_result(status)

    async def _last_words(self):
        """What is written already still goes out, unless nobody reads it; then the link is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self.output.empty.wait()
        self.output.close()
        with open(os.devnull, "r+b") as nothing:
            for fd in self._fds:
                os.dup2(nothing.fileno(), fd)

    async def deliver_the_rest(self, seconds):
        """After the end of the link: what came whole is still delivered, all else is reset."""
        for flow in self.flows:
            if flow.transport == pb.TRANSPORT_UDP:
                flow.close()
        for flow in list(self.flows.connections):
            flow.link_ended()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(flow.delivered for flow in self.flows.connections):
                    await asyncio.sleep(_LOOK_SECONDS)
        for flow in list(self.flows.connections):
            flow.close()
        await asyncio.sleep(0)  # each of them closes its socket

    # --- signs of life ---------------------------------------------------------------------------

    async def _tick(self):
        """Counts seconds in which this side ran, so that time in which it was suspended is no silence."""
        while True:
            await asyncio.sleep(1)
            self._silent += 1
            moved = self.output.written != self._written or self.output.empty.is_set()
            self._stuck = 0 if moved else self._stuck + 1
            self._written = self.output.written
            if self._hello and max(self._silent, self._stuck) >= _GIVE_UP_AFTER:
                self.end(_LOST, "the other end has been silent for too long", pb.GoAway.CODE_TIMED_OUT)
            elif self._hello and self._silent == _PING_AFTER:
                self.send(ping=pb.Ping(token=time.monotonic_ns()))

    def _ack(self):
        self._ack_timer = None
        self.output.send_newest("ack", self._make_ack)

    def _make_ack(self):
        self._acked, self._ack_bytes = self._reader.consumed, 0
        return wire.encode(ack=pb.Ack(bytes=self._acked, time=self._last_arrival))

    def _plan_ack(self):
        news = self._reader.consumed - self._acked - self._ack_bytes
        if self._hello and not self._ack_timer and (news > 0 or self._ack_bytes >= _ACKS_WORTH_AN_ACK):
            self._ack_timer = self._loop.call_later(_ACK_SECONDS, self._ack)

    # --- what comes ------------------------------------------------------------------------------

    def _on_readable(self):
        try:
            data = os.read(self._input, 1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end(_LOST, "the link was lost")
            return
        self._silent, self._last_arrival = 0, time.monotonic_ns() // 1_000
        try:
            self._take(data)
        except ProtocolError as problem:
            self.end(_PROTOCOL, str(problem), pb.GoAway.CODE_PROTOCOL_ERROR)
        except NoTunnel as problem:
            self.end(_PROTOCOL, str(problem))

    def _take(self, data):
        self._reader.feed(data)
        for size, frame in self._reader.frames():
            if isinstance(frame, pb.Frame) and frame.HasField("ack"):
                self._ack_bytes += size
            self._on_frame(frame)
            if self._ended.done():
                return
        self._plan_ack()

    def _on_frame(self, frame):
        kind = "payload" if isinstance(frame, wire.Payload) else frame.WhichOneof("kind")
        if self._hello is None and kind != "hello":
            raise ProtocolError(problems.NOT_HELLO)
        handler = getattr(self, f"_on_{kind}", None)
        if handler:
            handler(frame if kind == "payload" else getattr(frame, kind))

    def _on_hello(self, hello):
        if self._hello is not None:
            raise ProtocolError(problems.SECOND_HELLO)
        if hello.role != pb.ROLE_CLIENT:
            raise ProtocolError(problems.SAME_ROLE if hello.role == pb.ROLE_PROXY else problems.UNPARSABLE)
        self._on_families(hello.families)
        self._hello = hello

    def _on_families(self, families):
        """A client has none to tell; what it tells must be in order all the same."""
        for reach, size in ((families.ipv4, 4), (families.ipv6, 16)):
            if any(len(network.address) != size or network.prefix > 8 * size for network in reach.networks):
                raise ProtocolError(problems.UNPARSABLE)

    def _on_open(self, request):
        flow = self.flows.open(request)
        if self.drain.sent:
            flow.refuse()

    def _on_opened(self, opened):
        self.flows.find(opened.flow)
        raise ProtocolError(problems.NOT_FREE)

    def _on_payload(self, frame):
        header = frame.header
        if isinstance(header, pb.Data):
            self.flows.find(header.flow, pb.TRANSPORT_TCP).on_data(frame.payload)
            return
        peer = wire.address_of(header.peer)
        if not peer:
            raise ProtocolError(problems.UNPARSABLE)
        self.flows.find(header.flow, pb.TRANSPORT_UDP).on_datagram(peer, frame.payload)

    def _on_credit(self, credit):
        # For flow 0 it concerns flows that this side would open.
        flow = self.flows.find_or_late(credit.flow) if credit.flow else None
        if flow and flow.transport == pb.TRANSPORT_UDP:
            raise ProtocolError(problems.WRONG_TRANSPORT)
        if flow:
            flow.on_credit(credit.bytes)

    def _on_fin(self, fin):
        flow = self.flows.find(fin.flow)
        flow.on_fin()
        self.flows.settle(flow)

    def _on_reset(self, reset):
        flow = self.flows.find_or_late(reset.flow)
        if flow:
            flow.on_reset()
            self.flows.settle(flow)

    def _on_datagram_error(self, error):
        # A client has none to tell, but may: it is nobody's business here.
        if self.flows.find(error.flow).transport == pb.TRANSPORT_TCP or not wire.address_of(error.peer):
            raise ProtocolError(problems.UNPARSABLE)

    def _on_ping(self, ping):
        self.output.send_newest("pong", lambda: wire.encode(pong=pb.Pong(token=ping.token)))

    def _on_ack(self, ack):
        if ack.bytes > self.output.written - len(wire.GREETING):
            raise ProtocolError(problems.UNPARSABLE)

    def _on_go_away(self, away):
        status = _STATUS.get(away.code, _PROTOCOL)
        self.end(status, f"the other end says: {away.message or 'code %d' % away.code}" if status else "")

    def _on_drain(self, drain):
        self.drain.on_drain(drain.number)

    def _on_remaining(self, remaining):
        self.drain.on_remaining(remaining)
