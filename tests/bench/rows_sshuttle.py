"""sshuttle with and without its latency control, over the same kinds of link."""

import functools

import systems
from harness import Group, Row
from rows_pipe import bulk
from rows_slow import loaded

_RATE = 4e6
_VARIANTS = {"sshuttle": (), "sshuttle without control": ("--no-latency-control",)}


def _over_pipe(words):
    return lambda made: systems.sshuttle(made, *words)


def _over_emulator(words):
    return lambda made: systems.sshuttle(made, *words, through=systems.emulator(_RATE))


_setup = functools.partial(systems.bench, probe=True)


def _samples():
    samples = {}
    tfunnel_slow = functools.partial(systems.tfunnel_over_emulator, rate=_RATE)
    for direction in ("up", "down"):
        samples[f"tfunnel {direction}"] = bulk(systems.tfunnel, direction)
        samples[f"tfunnel slow {direction}"] = loaded(tfunnel_slow, _RATE, direction)
        for name, words in _VARIANTS.items():
            samples[f"{name} {direction}"] = bulk(_over_pipe(words), direction)
            samples[f"{name} slow {direction}"] = loaded(_over_emulator(words), _RATE, direction)
    return samples


def _rows(variant, label):
    rows = []
    for direction in ("up", "down"):
        pipe = {"subject": f"tfunnel {direction}", "reference": f"{variant} {direction}"}
        slow = {"subject": f"tfunnel slow {direction}", "reference": f"{variant} slow {direction}"}
        rows += [
            Row(f"{label}-{direction}", f"1 flow {direction}", unit="Gbit/s", metric="gbit_s", **pipe),
            Row(f"{label}-cpu-{direction}", "  CPU, both ends", unit="CPU s/GiB", metric="cpu_s_gib", **pipe),
            Row(f"{label}-slow-{direction}-median", f"4 MB/s, 4 bulk flows {direction}: round trip", unit="ms",
                metric="median_ms", **slow),
            Row(f"{label}-slow-{direction}-p99", "  p99", unit="ms", metric="p99_ms", **slow),
            Row(f"{label}-slow-{direction}-bulk", "  bulk, of the link", unit="%", metric="bulk_percent", **slow),
        ]
    return rows


SSHUTTLE = Group(
    "sshuttle",
    _setup,
    _samples(),
    _rows("sshuttle", "sshuttle") + _rows("sshuttle without control", "sshuttle-nolc"),
)
