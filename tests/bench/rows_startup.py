"""How long `tfunnel run -- true` takes, the far end on this machine, beside `unshare -rn true`."""

import functools
import statistics
import subprocess
import time

import systems
import topology
from harness import Group, Row, at_most

_PAIRS = 25


def _milliseconds(made, command):
    started = time.monotonic()
    made.lab.client.run(command, stdin=subprocess.DEVNULL)
    return (time.monotonic() - started) * 1000


def start_up(made):
    """In turn, so that both meet the same noise. The first of each warms the caches."""
    commands = {
        "run_ms": [topology.tfunnel(), "run", "--log-level", "warning", "--", "true"],
        "unshare_ms": ["unshare", "-r", "-n", "true"],
    }
    taken = {name: [] for name in commands}
    for _ in range(_PAIRS + 1):
        for name, command in commands.items():
            taken[name].append(_milliseconds(made, command))
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


STARTUP = Group(
    "startup",
    functools.partial(systems.bench),
    {"run true": start_up},
    [
        Row("startup", "tfunnel run -- true, median of 25", unit="ms", subject="run true", metric="run_ms",
            reference="run true", reference_metric="unshare_ms", target=at_most(60)),
    ],
)
