"""A second far end of a tunnel, for tests: it was written from proto/PROTOCOL.md and proto/tunnel.proto alone, so what
runs against it shows that the document says what the program does.

usage: python3 tests/support/second_far_end   (the link is standard input and output)
"""

import asyncio
import signal
import sys

from link import Link
from messages import pb

_DELIVER_SECONDS = 60


async def _end_in_order(link):
    await link.drain.run()
    link.end(0, code=pb.GoAway.CODE_SHUTDOWN)


async def _main():
    link = Link(sys.stdin.fileno(), sys.stdout.fileno())
    ending = []

    def on_signal():
        if not ending:
            ending.append(asyncio.create_task(_end_in_order(link)))

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    status = await link.run()
    await link.deliver_the_rest(_DELIVER_SECONDS)
    return status


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
