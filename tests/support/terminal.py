"""A terminal with somebody at the keyboard."""

import contextlib
import fcntl
import os
import pty
import termios

import netlab


class Terminal:
    """start() makes it the controlling terminal of a command, as a login does; close() hangs up."""

    def __init__(self):
        self.near, self.far = pty.openpty()
        os.set_blocking(self.near, False)
        self._shown = b""

    def start(self, namespace, command, **options):
        """stderr goes to the process's log, unless `stderr` says otherwise."""

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return namespace.start(command, stdin=self.far, stdout=self.far, preexec_fn=take_terminal, **options)

    @property
    def shown(self):
        """All that was written to it so far."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.near, 4096):
                self._shown += piece
        return self._shown.decode("utf-8", "replace")

    def wait_for(self, text, count=1, timeout=20.0):
        netlab.wait_until(lambda: self.shown.count(text) >= count, timeout, f"{text!r} on the terminal")

    def type(self, text):
        os.write(self.near, text.encode())

    def foreground(self):
        """The process group that the keyboard belongs to."""
        return os.tcgetpgrp(self.near)

    def echoes(self):
        return bool(termios.tcgetattr(self.far)[3] & termios.ECHO)

    def close(self):
        for end in (self.far, self.near):
            with contextlib.suppress(OSError):
                os.close(end)
