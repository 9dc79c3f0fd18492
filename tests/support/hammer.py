#!/usr/bin/env python3
"""Many clients at once: each connects over TCP, and sends datagrams, again and again, until SIGTERM.

usage: hammer.py CLIENTS SECONDS_A_TRY PORT ADDRESS...
Says "ready" when each has tried once, and at the end how many tries there were.
"""

import contextlib
import selectors
import signal
import socket
import sys
import time


class Client:
    def __init__(self, address, port):
        self.to = (address, port)
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.datagrams = socket.socket(self.family, socket.SOCK_DGRAM)
        self.datagrams.setblocking(False)
        self.stream = None
        self.begun = 0.0

    def try_again(self, watch):
        if self.stream is not None:
            watch.unregister(self.stream)
            self.stream.close()
        with contextlib.suppress(OSError):  # an error of the one before
            self.datagrams.sendto(b"secret", self.to)
        self.stream = socket.socket(self.family, socket.SOCK_STREAM)
        self.stream.setblocking(False)
        with contextlib.suppress(OSError):
            self.stream.connect(self.to)
        watch.register(self.stream, selectors.EVENT_WRITE, self)
        self.begun = time.monotonic()


def main():
    count, patience, port = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    over = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    clients = [Client(sys.argv[4 + number % len(sys.argv[4:])], port) for number in range(count)]
    tries = 0
    with selectors.DefaultSelector() as watch:
        for client in clients:
            client.try_again(watch)
        print("ready", flush=True)
        while not over:
            done = [key.data for key, _ in watch.select(patience)]
            late = time.monotonic() - patience
            for client in {*done, *(one for one in clients if one.begun < late)}:
                client.try_again(watch)
                tries += 1
    print(f"{tries} tries", flush=True)


if __name__ == "__main__":
    main()
