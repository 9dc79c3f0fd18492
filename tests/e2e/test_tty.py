"""With --tty a terminal is the link, as a serial line would be."""

import contextlib
import os
import pty
import signal
import subprocess
import termios
import threading
import tty

import links
import netlab
import pytest
import topology


LINK_LOST = 69


def is_raw(pid):
    terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
    try:
        return not termios.tcgetattr(terminal)[3] & (termios.ICANON | termios.ECHO)
    finally:
        os.close(terminal)


def test_terminal_as_the_link(lab, server, start_tunnel):
    """socat gives the client a terminal in its usual cooked mode, which would spoil every byte.
    What a far end says before the mode is raw is spoilt, so it has to be started later."""
    del server
    gate = links.Gate(lab.directory)
    script = os.path.join(lab.directory, "tfunnel-behind-gate")
    links.write_script(script, f"{gate.shell} exec tfunnel")
    tunnel = start_tunnel(
        links.link_socat,
        client_command=f"{links.CLIENT_COMMAND} --tty",
        client_options=",pty",
        proxy_command=f"far {script}",
    )
    netlab.wait_until(lambda: is_raw(tunnel.client_pid), what="raw mode")
    gate.open()
    lab.traffic(lab.client, "flows", "--count", 50)
    lab.traffic(lab.client, "udp-sizes")


class Line:
    """Two terminals, each the keyboard of the other."""

    def __init__(self):
        self.masters, self.terminals = zip(pty.openpty(), pty.openpty())
        self.passed = [0, 0]  # bytes from the first, from the second
        self._threads = [threading.Thread(target=self._pass, args=(which,)) for which in (0, 1)]
        for thread in self._threads:
            thread.start()

    def _pass(self, which):
        with contextlib.suppress(OSError):  # EIO: the last who had that terminal open is gone
            while piece := os.read(self.masters[which], 4096):
                os.write(self.masters[1 - which], piece)
                self.passed[which] += len(piece)

    def close(self):
        for terminal in self.terminals:
            os.close(terminal)
        for thread in self._threads:
            thread.join()
        for master in self.masters:
            os.close(master)

    def start(self, which, namespace, command):
        terminal = self.terminals[which]
        return namespace.start(command, stdin=terminal, stdout=terminal)


@pytest.fixture(name="line")
def _line(lab):
    made = Line()
    yield made
    lab.close()  # whoever still has a terminal open
    made.close()


def cooked(terminal):
    """As a login finds it: Ctrl-Z is a key, what is typed comes back."""
    assert termios.tcgetattr(terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


def raw_but_echoing(terminal):
    """Our own greeting comes back as it was."""
    tty.setraw(terminal)
    mode = termios.tcgetattr(terminal)
    mode[3] |= termios.ECHO
    mode[3] &= ~termios.ECHOCTL
    termios.tcsetattr(terminal, termios.TCSANOW, mode)


def mute(terminal):
    """Incoming bytes are lost: nobody reads them before the program flushes them."""
    tty.setraw(terminal)


CLIENT = ["-p", str(topology.PORT)]


@pytest.mark.parametrize("mode", [cooked, raw_but_echoing, mute])
@pytest.mark.parametrize("first", ["client", "proxy"])
def test_end_that_starts_later_is_greeted_again(lab, server, line, mode, first):
    """The first end's words at its start are lost, spoilt or echoed, for nobody has made the terminal raw yet."""
    del server
    starts = {
        "client": lambda which: line.start(which, lab.client, [topology.tfunnel(), "--tty", *CLIENT]),
        "proxy": lambda which: line.start(which, lab.far, [topology.tfunnel_proxy(), "--tty"]),
    }
    second = "proxy" if first == "client" else "client"
    mode(line.terminals[1])
    ends = {first: starts[first](0)}
    echoes = mode is not mute
    netlab.wait_until(lambda: line.passed[0] >= 40 and (line.passed[1] > 0 or not echoes), what="the greeting")
    assert ends[first].running()
    termios.tcflush(line.terminals[1], termios.TCIFLUSH)
    ends[second] = starts[second](1)
    ends["client"].wait_for_log("connected to")
    ends["proxy"].wait_for_log("serving")
    lab.traffic(lab.client, "flows", "--count", 20)
    lab.traffic(lab.client, "udp-sizes")
    assert ends["client"].terminate() == 0, ends["client"].log()
    assert ends["proxy"].wait() == 0, ends["proxy"].log()


def test_line_that_only_echoes_is_named(lab, line):
    """A loop plug, or a far end that was never started."""
    raw_but_echoing(line.terminals[1])
    client = line.start(0, lab.client, [topology.tfunnel(), "--tty", *CLIENT, "--greeting-timeout", "3"])
    assert client.wait() == LINK_LOST, client.log()
    assert "our own greeting came back" in client.log().lower()


def test_terminal_mode_is_restored():
    near, far = pty.openpty()
    before = termios.tcgetattr(far)
    process = subprocess.Popen(
        [topology.tfunnel(), "--tty"], stdin=far, stdout=far, stderr=subprocess.DEVNULL
    )
    netlab.wait_until(lambda: termios.tcgetattr(far) != before, what="raw mode")
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert termios.tcgetattr(far) == before
    os.close(near)
    os.close(far)
