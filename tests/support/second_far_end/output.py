"""What goes out on the link, in order. Whoever has much to say waits for his turn."""

import asyncio
import collections
import os


class Output:
    """Control frames are taken at once; Data waits in room(), first come, first served, so that each flow gets one
    frame in turn. Of what a newer one replaces (Ack, Pong) only the newest is kept while the link is full."""

    _FULL = 65_536

    def __init__(self, fd):
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._newest = {}
        self._waiting = collections.deque()
        self._writes = False
        self.broken = False
        self.written = 0  # bytes, the greeting included
        self.empty = asyncio.Event()
        self.empty.set()
        os.set_blocking(fd, False)

    @property
    def full(self):
        return len(self._buffer) >= self._FULL

    def send(self, data):
        self._buffer += data
        self._flush()

    def send_newest(self, name, make):
        """`make` is called for the frame when there is room for it, unless a newer one has come by then."""
        self._newest[name] = make
        self._flush()

    async def room(self):
        """Returns when it is the caller's turn to send one frame of Data."""
        while self.full or self._waiting:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
                return
            finally:
                if turn.cancelled():
                    if turn in self._waiting:
                        self._waiting.remove(turn)
                elif not self.full:
                    self._loop.call_soon(self._wake)

    def _wake(self):
        while self._waiting and not self.full:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _flush(self):
        while not self.broken and (self._buffer or self._newest):
            if not self.full:
                for make in self._newest.values():
                    self._buffer += make()
                self._newest.clear()
            try:
                count = os.write(self._fd, self._buffer)
            except BlockingIOError:
                break
            except OSError:
                # Nobody reads; the words that say why may still be on their way to us.
                self.broken = True
                self._buffer.clear()
                break
            self.written += count
            del self._buffer[:count]
        self._settle()

    def _settle(self):
        pending = bool(self._buffer or self._newest) and not self.broken
        if pending != self._writes:
            self._writes = pending
            if pending:
                self._loop.add_writer(self._fd, self._flush)
            else:
                self._loop.remove_writer(self._fd)
        if pending:
            self.empty.clear()
        else:
            self.empty.set()
        if self._waiting and not self.full:
            self._loop.call_soon(self._wake)

    def close(self):
        """Nothing is written any more."""
        self.broken = True
        self._buffer.clear()
        self._settle()
