"""Several links as one: four ssh commands that the client has started, against one."""

import functools

import systems
from harness import Group, Row
from rows_pipe import bulk

_FLOWS = 8


def _samples():
    samples = {}
    for direction in ("up", "down"):
        for count in (1, 4):
            start = functools.partial(systems.tfunnel_via_ssh, count=count)
            samples[f"{count} by ssh {direction}"] = bulk(start, direction, _FLOWS)
    return samples


def _row(direction):
    return Row(
        f"links-4-{direction}",
        f"{_FLOWS} flows {direction}, --via ssh --links 4",
        "Gbit/s",
        subject=f"4 by ssh {direction}",
        metric="gbit_s",
        reference=f"1 by ssh {direction}",
    )


LINKS = Group("links", functools.partial(systems.bench, sshd=True), _samples(), [_row("up"), _row("down")])
