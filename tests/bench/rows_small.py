"""Many small things: requests, connections, datagrams; against ss-redir and ss-server."""

import functools
import json
import re

import systems
from harness import Group, Row, ratio_at_least


_DATAGRAM_FIGURES = {"goodput": "goodput_mbit_s", "loss": "loss_percent", "offered": "offered_mbit_s"}


def requests(start):
    def sample(made):
        systems.need("wrk")
        with start(made) as running:
            seconds = max(1, round(made.seconds(5)))
            url = f"http://{running.to}:{systems.WEB_PORT}/"
            done = made.lab.client.run(["wrk", "-t1", "-c32", f"-d{seconds}s", url])
            errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
            bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
            failed = sum(map(int, errors.groups())) if errors else 0
            failed += int(bad.group(1)) if bad else 0
            per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
            return {"per_second": per_second, "failed": failed}

    return sample


def short(start):
    def sample(made):
        with start(made) as running:
            words = ["--count", 4000 if made.quick else 20000, "--parallel", 32]
            done = made.traffic(running.to, "short", *words, check=False, timeout=120)
            return {"per_second": done["per_second"], "failed": done["failed"]}

    return sample


def blast(start, segments=1):
    def sample(made):
        with start(made) as running:
            command = [
                systems.program("udp_load"), "run", "--to", running.to, "--control", systems.NEAR_BY,
                "--port", str(systems.DATAGRAM_PORT), "--size", "1200", "--rate-mbit", "3000",
                "--seconds", str(made.seconds(4)), "--segments", str(segments),
            ]  # fmt: skip
            done = json.loads(made.lab.client.run(command).stdout)
            return {key: done[name] for key, name in _DATAGRAM_FIGURES.items()}

    return sample


def _all(measure):
    return {
        "ss-redir": measure(systems.shadowsocks),
        "tfunnel": measure(systems.tfunnel),
        "veth": measure(systems.direct),
    }


_segmented = functools.partial(blast, segments=8)


REQUESTS = Group(
    "requests",
    functools.partial(systems.bench, web=True),
    _all(requests),
    [
        Row("requests", "keep-alive requests, 32 connections", "1/s", "tfunnel", "per_second", "ss-redir",
            target=ratio_at_least(1.7), must_be_zero="failed"),
        Row("requests-veth", "the same", "1/s", "tfunnel", "per_second", "veth"),
    ],
)

SHORT = Group(
    "short",
    systems.bench,
    _all(short),
    [
        Row("short", "short connections, 32 at a time", "1/s", "tfunnel", "per_second", "ss-redir",
            target=ratio_at_least(1.7), must_be_zero="failed"),
        Row("short-veth", "the same", "1/s", "tfunnel", "per_second", "veth"),
    ],
)

UDP = Group(
    "udp",
    functools.partial(systems.bench, datagrams=True),
    {**_all(blast), **{f"{name}, 8 at once": sample for name, sample in _all(_segmented).items()}},
    [
        Row("udp", "UDP goodput, 1,200 bytes, 3 Gbit/s wished", "Mbit/s", "tfunnel", "goodput", "ss-redir",
            target=ratio_at_least(4)),
        Row("udp-loss", "  loss of what was offered", "%", "tfunnel", "loss", "ss-redir"),
        Row("udp-offered", "  what the sender managed to offer", "Mbit/s", "tfunnel", "offered", "ss-redir"),
        Row("udp-veth", "UDP goodput", "Mbit/s", "tfunnel", "goodput", "veth"),
        Row("udp-gso", "UDP goodput, sent 8 at once (GSO)", "Mbit/s", "tfunnel, 8 at once", "goodput",
            "ss-redir, 8 at once", target=ratio_at_least(4)),
        Row("udp-gso-offered", "  what the sender managed to offer", "Mbit/s", "tfunnel, 8 at once", "offered",
            "ss-redir, 8 at once"),
        Row("udp-gso-veth", "UDP goodput, sent 8 at once (GSO)", "Mbit/s", "tfunnel, 8 at once", "goodput",
            "veth, 8 at once"),
    ],
)
