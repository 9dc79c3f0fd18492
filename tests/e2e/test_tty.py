"""With --tty a terminal is the link, as a serial line would be."""

import os
import pty
import signal
import subprocess
import termios

import links
import netlab
import topology


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
