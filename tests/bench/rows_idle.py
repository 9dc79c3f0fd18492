"""Ten thousand connections that do nothing."""

import contextlib
import resource
import signal

import netlab
import systems
import topology
from harness import Group, Row, at_most, ratio_at_least

FLOWS = 10000


def _flows(descriptors_each):
    """As many as the descriptor limit allows."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(FLOWS, (limit - 200) // descriptors_each)


@contextlib.contextmanager
def _idle_flows(made, count):
    words = ["--count", str(count), "--mode", "echo", "--to", systems.FAR, "--port", str(topology.SERVER_PORT)]
    holder = made.lab.client.start([topology.traffic(), "idle", *words], name="idle")
    try:
        holder.wait_for_log("ready", 120)
        yield holder
        holder.signal(signal.SIGTERM)
        if holder.wait(60) != 0:
            raise RuntimeError(f"idle flows were lost: {holder.log().strip().splitlines()[-1]}")
    finally:
        holder.kill()


def _resident(pids):
    return sum(netlab.resident_kib(pid) for pid in pids) * 1024


def _bulk(made):
    return made.traffic(systems.FAR, "bulk", "--direction", "up", "--seconds", made.seconds(4))["gbit_s"]


def idle(start, descriptors_each, with_bulk):
    """With bulk: before, beside and after the idle flows."""

    def sample(made):
        count = _flows(descriptors_each)
        with start(made) as running:
            figures = {"flows": count}
            if with_bulk:
                figures["alone"] = _bulk(made)
            before = _resident(running.near), _resident(running.far)
            with _idle_flows(made, count):
                figures["near_bytes"] = (_resident(running.near) - before[0]) / count
                figures["far_bytes"] = (_resident(running.far) - before[1]) / count
                if with_bulk:
                    figures["beside"] = _bulk(made)
            if with_bulk:
                figures["alone"] = (figures["alone"] + _bulk(made)) / 2
            return figures

    return sample


IDLE = Group(
    "idle",
    systems.bench,
    {
        "tfunnel": idle(systems.tfunnel, 1, True),
        "ss-redir": idle(systems.shadowsocks, 2, False),
    },
    [
        Row("idle-client", "resident a flow, client, 10,000 flows", "bytes", "tfunnel", "near_bytes", "ss-redir",
            target=at_most(2048)),
        Row("idle-proxy", "resident a flow, proxy, 10,000 flows", "bytes", "tfunnel", "far_bytes", "ss-redir",
            target=at_most(2048)),
        Row("idle-bulk", "1 flow up beside them, and without", "Gbit/s", "tfunnel", "beside", "tfunnel", "alone",
            target=ratio_at_least(0.95)),
    ],
)
