"""A slow long link that is full: does a small request flow still answer quickly?"""

import functools
import re

import probe
import systems
from harness import Group, Row, at_least, at_most

# warm-up, window (seconds), request interval (ms): the queue that nobody bounds needs time to build.
TIMES = {250e3: (8, 10, 50), 4e6: (3, 6, 20), 40e6: (2, 5, 20)}
DIRECTIONS = ("up", "down", "both")


def loaded(start, rate, direction):
    def sample(made):
        warmup, seconds, interval_ms = TIMES[rate]
        with start(made):
            done = probe.run(made, direction, warmup, max(made.seconds(seconds), 3), interval_ms)
        figures = {key: done[key] for key in ("median_ms", "p99_ms", "max_ms", "unanswered")}
        if direction != "none":
            figures["bulk_percent"] = 100 * probe.bulk_rate(done, direction) / rate
        return figures

    return sample


_setup = functools.partial(systems.bench, probe=True)


def slow_group(label, rate, median, p99, bulk):
    start = functools.partial(systems.tfunnel_over_emulator, rate=rate)
    samples = {"idle link": loaded(start, rate, "none")}
    rows = []
    for direction in DIRECTIONS:
        subject = f"tfunnel {direction}"
        samples[subject] = loaded(start, rate, direction)
        name = f"slow-{label}-{direction}"
        idle = {"unit": "ms", "subject": subject, "reference": "idle link"}
        rows += [
            Row(f"{name}-median", f"round trip, 4 bulk flows {direction}", metric="median_ms",
                target=at_most(median), must_be_zero="unanswered", **idle),
            Row(f"{name}-p99", "  p99", metric="p99_ms", target=p99 and at_most(p99), **idle),
            Row(f"{name}-bulk", "  bulk, of the link", unit="%", subject=subject, metric="bulk_percent",
                target=at_least(bulk)),
        ]
    return Group(f"slow-{label}", _setup, samples, rows)


# --- a link that changes -----------------------------------------------------------------------

_LEAD = 6  # seconds from the emulator's start until the first change
_SETTLE = 2
_SLICE = 0.25


def changing(direction, schedule, seconds):
    """`schedule`: (seconds after the lead, rate) pairs. The figures leave out two seconds after
    each change, but for max_ms."""

    def sample(made):
        rate = 4e6
        text = ",".join(f"{_LEAD + at:g}:{new:g}" for at, new in schedule)
        with systems.tfunnel_over_emulator(made, rate, schedule=text) as running:
            done = probe.run(made, direction, 2, seconds + _LEAD - 2, 20, "--slice-ms", str(_SLICE * 1000))
            begun = float(re.search(r"started at ([\d.]+)", running.script.log()).group(1))
        changes = [(begun, rate)] + [(begun + _LEAD + at, new) for at, new in schedule]
        return _by_phase(done, direction, changes)

    return sample


def _by_phase(done, direction, changes):
    times = []
    shares = []
    for piece in done["slices"]:
        since, rate = [change for change in changes if change[0] <= piece["from"]][-1]
        settled = piece["from"] - since >= _SETTLE
        mixed = any(piece["from"] < change[0] < piece["from"] + 2 * _SLICE for change in changes)
        if settled and rate and not mixed:
            times.append(piece["median_ms"])
            shares.append(100 * probe.bulk_rate(piece, direction) / rate)
    if not times:
        raise RuntimeError("the probe saw no settled phase")
    return {
        "median_ms": sorted(times)[len(times) // 2],
        "worst_ms": max(times),
        "max_ms": done["max_ms"],
        "bulk_percent": sum(shares) / len(shares),
        "unanswered": done["unanswered"],
    }


def _changing_rows(name, title):
    return [
        Row(f"{name}-median", f"{title}: round trip, settled", "ms", title, "median_ms", must_be_zero="unanswered"),
        Row(f"{name}-worst", "  worst quarter second, settled", "ms", title, "worst_ms"),
        Row(f"{name}-max", "  longest of all", "ms", title, "max_ms"),
        Row(f"{name}-bulk", "  bulk, of the link, settled", "%", title, "bulk_percent"),
    ]


_SLOWER = [(0, 200e3), (8, 4e6)]
_PAUSE = [(0, 0), (3, 4e6)]

GROUPS = [
    slow_group("4m", 4e6, 60, 80, 95),
    slow_group("250k", 250e3, 75, None, 93),
    slow_group("40m", 40e6, 60, None, 93),
    Group(
        "change",
        _setup,
        {
            "20 times slower, down": changing("down", _SLOWER, 14),
            "20 times slower, up": changing("up", _SLOWER, 14),
            "3 s pause, both": changing("both", _PAUSE, 9),
        },
        _changing_rows("change-down", "20 times slower, down")
        + _changing_rows("change-up", "20 times slower, up")
        + _changing_rows("change-pause", "3 s pause, both"),
    ),
]
