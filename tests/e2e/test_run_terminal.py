"""`tfunnel run` in a real terminal, under a real shell with job control."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import isolation
import netlab
import pytest
import runs as runs_module

CAPTURES = False

PROMPT = "outer> "


class Terminal:
    """An interactive bash that a person would sit at, in the client namespace."""

    def __init__(self, runs):
        self.runs = runs
        self.text = ""
        self.seen = 0
        near, far = pty.openpty()
        self.near = near
        self.resize(24, 80)
        command = [*runs.user, "setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"]
        environment = {**runs.environment(), "PS1": PROMPT, "HISTFILE": "", "TERM": "dumb", "VIA": runs.via}
        self.shell = runs.lab.client.start(command, name="shell", stdin=far, stdout=far, stderr=far, env=environment,
                                           cwd=runs.work)
        os.close(far)
        self.expect(re.escape(PROMPT))

    def resize(self, rows, columns):
        fcntl.ioctl(self.near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.near, text.encode())

    def type(self, line):
        """Earlier output counts no more."""
        self.seen = len(self.text)
        self.send(line + "\n")

    def key(self, letter):
        self.seen = len(self.text)
        self.send(chr(ord(letter) - ord("A") + 1))

    def expect(self, pattern, timeout=20.0):
        """Waits for it behind what was found before; the found match."""
        deadline = time.monotonic() + netlab.patient(timeout)
        while True:
            found = re.compile(pattern).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.near], [], [], left)[0]:
                raise isolation.LabError(f"no {pattern!r} on the terminal, but {self.text[-1500:]!r}")
            self.text += os.read(self.near, 65536).decode(errors="replace").replace("\r\n", "\n")

    def foreground(self):
        """The process group that the keyboard belongs to."""
        return os.tcgetpgrp(self.near)

    def prompt(self):
        self.expect(re.escape(PROMPT))

    def status(self):
        self.type("echo status=$?")
        return int(self.expect(r"\nstatus=(\d+)\n")[1])

    def close(self):
        self.shell.kill()
        os.close(self.near)


@pytest.fixture(name="terminal")
def _terminal(runs):
    made = Terminal(runs)
    yield made
    made.close()


RUN = 'tfunnel run --via "$VIA" -- '


def test_interrupt_key_ends_the_program_and_the_status_says_so(terminal):
    terminal.type(RUN + "sh -c 'echo u''p; exec sleep 1000'")
    terminal.expect(r"\nup\n")
    terminal.key("C")
    terminal.prompt()
    assert terminal.status() == 128 + signal.SIGINT


def test_program_that_handles_the_interrupt_key_goes_on(terminal):
    code = ("import os, signal; signals = {signal.SIGINT}; signal.pthread_sigmask(signal.SIG_BLOCK, signals);"
            "print('u' + 'p', flush=True); signal.sigwait(signals); print('cau' + 'ght', flush=True); os._exit(4)")
    terminal.type(RUN + f'python3 -c "{code}"')
    terminal.expect(r"\nup\n")
    terminal.key("C")
    terminal.expect(r"caught\n")
    terminal.prompt()
    assert terminal.status() == 4


def test_stop_key_background_and_foreground(terminal):
    terminal.type(RUN + "sh -c 'echo u''p; read line; echo got $line; exit 6'")
    terminal.expect(r"\nup\n")
    terminal.key("Z")
    terminal.expect(r"Stopped")
    terminal.prompt()
    terminal.type("jobs")
    terminal.expect(r"\[1\]\+ +Stopped")
    terminal.prompt()
    terminal.type("fg")
    terminal.expect(r"tfunnel run")
    terminal.type("typed")
    terminal.expect(r"got typed\n")
    terminal.prompt()
    assert terminal.status() == 6


def test_stopped_program_goes_on_in_the_background(terminal):
    terminal.type(RUN + "sh -c 'mkfifo go; echo u''p; read line < go; exit 3'")
    terminal.expect(r"\nup\n")
    terminal.key("Z")
    terminal.prompt()
    terminal.type("bg")
    terminal.prompt()
    terminal.type("echo go > go; wait %1; echo waited=$?")
    terminal.expect(r"waited=3\n")


def test_pipeline(terminal):
    terminal.type(RUN + "printf 'b\\na\\n' | sort | " + RUN + "cat | tr a-z A-Z")
    terminal.expect(r"\nA\nB\n")
    terminal.prompt()


def test_interactive_shell_inside_has_job_control_and_gives_the_terminal_back(terminal):
    terminal.type(RUN + "env PS1='inner> ' bash --norc --noprofile -i")
    terminal.expect("inner> ")
    assert "no job control" not in terminal.text
    terminal.type("sh -c 'echo u''p; exec sleep 1000'")
    terminal.expect(r"\nup\n")
    terminal.key("Z")
    terminal.expect("Stopped")
    terminal.expect("inner> ")
    terminal.type("bg; jobs")
    terminal.expect(r"\[1\]\+ +Running")
    shell = terminal.foreground()
    terminal.type("fg")
    netlab.wait_until(lambda: terminal.foreground() != shell, what="the job in the foreground")
    terminal.key("C")
    terminal.expect("inner> ")
    terminal.type("exit 5")
    terminal.prompt()
    assert terminal.status() == 5
    terminal.type("sh -c 'echo u''p; read line; echo got $line'")
    terminal.expect(r"\nup\n")
    terminal.type("typed")
    terminal.expect(r"got typed\n")
    terminal.prompt()


def test_resize_reaches_the_program(terminal):
    code = ("import os, signal; signals = {signal.SIGWINCH}; signal.pthread_sigmask(signal.SIG_BLOCK, signals);"
            "print('u' + 'p', flush=True); signal.sigwait(signals); print(*os.get_terminal_size(), flush=True)")
    terminal.type(RUN + f'python3 -c "{code}"')
    terminal.expect(r"\nup\n")
    terminal.resize(33, 101)
    terminal.expect("101 33\n")
    terminal.prompt()


def test_hangup_of_the_terminal_leaves_nothing(runs):
    traces = runs_module.Traces(runs)
    terminal = Terminal(runs)
    terminal.type(RUN + "sh -c 'echo u''p; exec sleep 1000'")
    terminal.expect(r"\nup\n")
    os.close(terminal.near)
    netlab.wait_until(lambda: not terminal.shell.running(), what="end of the shell")
    traces.wait_for_none()
