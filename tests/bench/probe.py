"""Runs load_probe: bulk counted inside a window, and a small request flow beside it."""

import json

import systems


def run(made, direction, warmup, seconds, interval_ms, *words):
    command = [
        systems.program("load_probe"), "run", "--to", systems.FAR, "--control", systems.NEAR_BY,
        "--port", str(systems.PROBE_PORT), "--direction", direction, "--warmup", str(warmup),
        "--seconds", str(seconds), "--interval-ms", str(interval_ms), *words,
    ]  # fmt: skip
    return json.loads(made.lab.client.run(command, timeout=120).stdout)


def bulk_rate(done, direction):
    """The bulk flows' share, in bytes a second; with both directions full, the worse one."""
    rates = {"up": done["up_bytes_s"], "down": done["down_bytes_s"]}
    return rates[direction] if direction in rates else min(rates.values())
