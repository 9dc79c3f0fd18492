"""Draining: what the other side asks before it ends the link, and what this side asks."""

import asyncio

import wire
from messages import pb

_LOOK_SECONDS = 0.02
_ANSWER_SECONDS = 0.5
_GIVE_UP_SECONDS = 60


class Drain:
    def __init__(self, link):
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._asked = None  # the newest number of the other side that is not answered with "nothing" yet
        self._watching = None
        self._sent = 0
        self._answer = None
        self.progress = 0  # the flows count here what they passed on

    @property
    def sent(self):
        return self._sent > 0

    # --- the other side asks ---------------------------------------------------------------------

    def on_drain(self, number):
        self._asked = number
        self._mark()
        if not self._watching:
            self._watching = asyncio.create_task(self._watch())

    def _mark(self):
        for flow in self._link.flows.connections:
            flow.mark()

    async def _watch(self):
        told, said_at = None, self._loop.time()
        while self._asked is not None:
            remaining = self._remaining()
            if not (remaining.bytes or remaining.connections):
                self._link.send(remaining=remaining)
                self._asked = None
                break
            if self._loop.time() - said_at >= _ANSWER_SECONDS:
                said_at = self._loop.time()
                if remaining != told:
                    self._link.send(remaining=remaining)
                told = remaining
            await asyncio.sleep(_LOOK_SECONDS)
        self._watching = None

    def _remaining(self):
        answer = pb.Remaining(number=self._asked, progress=self.progress)
        most = 0
        for flow in self._link.flows.connections:
            left, counts = flow.left_to_deliver()
            said, counts_too = flow.left_to_send()
            answer.bytes += left + said
            answer.connections += counts or counts_too
            if left + said > most:
                most = left + said
                answer.destination.CopyFrom(wire.endpoint_of(flow.destination))
        return answer

    # --- this side asks --------------------------------------------------------------------------

    async def run(self):
        """Ends the link in order: nothing is lost that the other side can still deliver."""
        if not self._link.peer_drains:
            return
        self._ask()
        while any(flow.left_to_send()[1] for flow in self._link.flows.connections):
            await asyncio.sleep(_LOOK_SECONDS)
        self._ask()
        progress, since = None, self._loop.time()
        while not self._nothing_left() and self._loop.time() - since < _GIVE_UP_SECONDS:
            if self._answer and self._answer.progress != progress:
                progress, since = self._answer.progress, self._loop.time()
            await asyncio.sleep(_LOOK_SECONDS)

    def _ask(self):
        self._sent += 1
        self._mark()
        self._link.send(drain=pb.Drain(number=self._sent))

    def on_remaining(self, remaining):
        self._answer = remaining

    def _nothing_left(self):
        answer = self._answer
        zeros = answer and not (answer.bytes or answer.connections or answer.datagrams)
        return zeros and answer.number == self._sent
