"""`tfunnel up` beside the same with rules made by hand (examples/rules-nft.sh), over the same kind of link."""

import functools

import systems
from harness import Group, Row, ratio_at_least, ratio_at_most
from rows_pipe import bulk
from rows_small import requests, short

_ALLOWED = 0.03


def _both(name, measure):
    return {f"{name} by hand": measure(systems.rules_by_hand), f"{name} by up": measure(systems.rules_by_up)}


def _row(name, title, unit, sample, metric, **more):
    target = ratio_at_most(1 + _ALLOWED) if unit.startswith("CPU") else ratio_at_least(1 - _ALLOWED)
    return Row(name, title, unit, f"{sample} by up", metric, f"{sample} by hand", target=target, **more)


def _of_direction(direction):
    return [
        _row(f"up-bulk-{direction}", f"1 flow {direction}", "Gbit/s", f"bulk {direction}", "gbit_s"),
        _row(f"up-cpu-{direction}", f"both ends, 1 flow {direction}", "CPU s/GiB", f"bulk {direction}", "cpu_s_gib"),
    ]


UP = Group(
    "up",
    functools.partial(systems.bench, web=True),
    {
        **_both("bulk up", lambda start: bulk(start, "up")),
        **_both("bulk down", lambda start: bulk(start, "down")),
        **_both("requests", requests),
        **_both("short", short),
    },
    [
        *_of_direction("up"),
        *_of_direction("down"),
        _row("up-requests", "keep-alive requests, 32 connections", "1/s", "requests", "per_second", must_be_zero="failed"),
        _row("up-short", "short connections, 32 at a time", "1/s", "short", "per_second", must_be_zero="failed"),
    ],
)
