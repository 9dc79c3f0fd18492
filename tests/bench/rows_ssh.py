"""Over a real sshd: against the same ssh with `cat` in place of the tunnel."""

import fcntl
import functools
import os
import subprocess
import time

import systems
from harness import Group, Row, ratio_at_least
from rows_pipe import bulk

_CHUNK = 256 * 1024
_PIPE_SIZE = 1 << 20


def _enlarge(pipe):
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)


def raw_up(made):
    """Timed until the far `cat` has ended, so all bytes have arrived."""
    command = ["ssh", "host", "echo ready; exec cat > /dev/null"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": made.environment()}
    ssh = made.lab.client.start(command, **pipes)
    try:
        ssh.popen.stdout.readline()
        _enlarge(ssh.popen.stdin)
        data = bytes(_CHUNK)
        started = time.monotonic()
        count = 0
        while time.monotonic() - started < made.seconds(4):
            count += os.write(ssh.popen.stdin.fileno(), data)
        ssh.popen.stdin.close()
        ssh.wait(60)
        return {"gbit_s": count * 8 / (time.monotonic() - started) / 1e9}
    finally:
        ssh.kill()


def raw_down(made):
    command = ["ssh", "host", "exec cat /dev/zero"]
    ssh = made.lab.client.start(command, stdout=subprocess.PIPE, env=made.environment())
    try:
        _enlarge(ssh.popen.stdout)
        space = bytearray(_CHUNK)
        pipe = ssh.popen.stdout.fileno()
        os.readv(pipe, [space])
        started = time.monotonic()
        count = 0
        while time.monotonic() - started < made.seconds(4):
            count += os.readv(pipe, [space])
        return {"gbit_s": count * 8 / (time.monotonic() - started) / 1e9}
    finally:
        ssh.kill()


_setup = functools.partial(systems.bench, sshd=True)


def _rows(direction):
    gbit = {"unit": "Gbit/s", "metric": "gbit_s"}
    subject = f"tfunnel {direction}"
    return [
        Row(f"ssh-{direction}", f"1 flow {direction} over ssh", subject=subject, reference=f"ssh cat {direction}",
            target=ratio_at_least(0.95), **gbit),
        Row(f"ssh-{direction}-splice", f"1 flow {direction} over ssh", subject=subject,
            reference=f"splice relay {direction}", **gbit),
    ]


SSH = Group(
    "ssh",
    _setup,
    {
        "ssh cat up": raw_up,
        "tfunnel up": bulk(systems.tfunnel_over_ssh, "up"),
        "splice relay up": bulk(systems.splice_relay_over_ssh, "up"),
        "ssh cat down": raw_down,
        "tfunnel down": bulk(systems.tfunnel_over_ssh, "down"),
        "splice relay down": bulk(systems.splice_relay_over_ssh, "down"),
    },
    _rows("up") + _rows("down"),
)
