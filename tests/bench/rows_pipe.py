"""The cost of the tunnel itself: over a plain pipe, against relays that can do nothing else."""

import functools

import probe
import systems
from harness import Group, Row, ratio_at_least, ratio_at_most


def bulk(start, direction, flows=1):
    def sample(made):
        with start(made) as running:
            before = running.cpu_seconds()
            words = ["--direction", direction, "--flows", flows, "--seconds", made.seconds(4)]
            done = made.traffic(running.to, "bulk", *words, timeout=120)
            figures = {"gbit_s": done["gbit_s"]}
            if running.near:
                used = running.cpu_seconds() - before
                figures["cpu_s_gib"] = used / (done["bytes"] / systems.GIB)
            return figures

    return sample


def probed_bulk(start, direction):
    """For ss-redir, which loses the answer to a half-closed connection and so `traffic bulk`."""

    def sample(made):
        with start(made):
            done = probe.run(made, direction, 1, made.seconds(4), 20, "--flows", "1")
            return {"gbit_s": probe.bulk_rate(done, direction) * 8 / 1e9}

    return sample


def round_trip(start):
    def sample(made):
        with start(made) as running:
            done = made.traffic(running.to, "rtt", "--count", 3000 if made.quick else 10000, "--size", 64)
            return {"us": done["median_us"], "p99_us": done["p99_us"]}

    return sample


def _bulk_samples():
    samples = {}
    for direction in ("up", "down"):
        samples[f"splice relay {direction}"] = bulk(systems.splice_relay, direction)
        samples[f"tfunnel {direction} 1"] = bulk(systems.tfunnel, direction)
        samples[f"tfunnel {direction} 8"] = bulk(systems.tfunnel, direction, 8)
        samples[f"by socketpair {direction}"] = bulk(systems.tfunnel_over_sockets, direction)
        samples[f"by socat {direction}"] = bulk(systems.tfunnel_over_socat, direction)
        samples[f"veth {direction}"] = bulk(systems.direct, direction)
        samples[f"copy relay {direction}"] = bulk(systems.copy_relay, direction)
        samples[f"ss-redir {direction}"] = probed_bulk(systems.shadowsocks, direction)
    return samples


def _bulk_rows(direction):
    one = f"tfunnel {direction} 1"
    limit = f"splice relay {direction}"
    gbit = {"unit": "Gbit/s", "metric": "gbit_s"}
    cpu = {"unit": "CPU s/GiB", "metric": "cpu_s_gib"}
    return [
        Row(f"bulk-{direction}-1", f"1 flow {direction}", subject=one, reference=limit,
            target=ratio_at_least(0.85), **gbit),
        Row(f"bulk-{direction}-8", f"8 flows {direction}", subject=f"tfunnel {direction} 8", reference=limit,
            target=ratio_at_least(0.85), **gbit),
        Row(f"bulk-{direction}-sockets", f"1 flow {direction} over a socketpair", subject=f"by socketpair {direction}",
            reference=limit, **gbit),
        Row(f"bulk-{direction}-socat", f"1 flow {direction} through socat", subject=f"by socat {direction}",
            reference=limit, **gbit),
        Row(f"bulk-{direction}-copy", f"1 flow {direction}", subject=one, reference=f"copy relay {direction}", **gbit),
        Row(f"bulk-{direction}-veth", f"1 flow {direction}", subject=one, reference=f"veth {direction}", **gbit),
        Row(f"bulk-{direction}-ss", f"1 flow {direction}", subject=one, reference=f"ss-redir {direction}", **gbit),
        Row(f"cpu-{direction}", f"both ends, 1 flow {direction}", subject=one, reference=limit,
            target=ratio_at_most(1.5), **cpu),
        Row(f"cpu-{direction}-8", f"both ends, 8 flows {direction}", subject=f"tfunnel {direction} 8",
            reference=limit, **cpu),
    ]


setup = functools.partial(systems.bench, probe=True)


BULK = Group("bulk", setup, _bulk_samples(), _bulk_rows("up") + _bulk_rows("down"))

RTT = Group(
    "rtt",
    setup,
    {
        "copy relay": round_trip(systems.copy_relay),
        "tfunnel": round_trip(systems.tfunnel),
        "veth": round_trip(systems.direct),
        "ss-redir": round_trip(systems.shadowsocks),
    },
    [
        Row("rtt-idle", "64-byte round trip", "us", "tfunnel", "us", "copy relay", target=ratio_at_most(1.25)),
        Row("rtt-idle-p99", "the same, p99", "us", "tfunnel", "p99_us", "copy relay"),
        Row("rtt-idle-veth", "64-byte round trip", "us", "tfunnel", "us", "veth"),
        Row("rtt-idle-ss", "64-byte round trip", "us", "tfunnel", "us", "ss-redir"),
    ],
)
