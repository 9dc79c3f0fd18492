"""The cost of an upstream HTTP proxy once its handshake is over: nothing, if zero copy takes over again.

The same relay stands between the far end and the server in both samples. In one it is asked by
CONNECT; in the other it is the destination itself and the far end dials it directly.
"""

import contextlib

import netlab
import systems
import topology
from harness import Group, Row, ratio_at_least, ratio_at_most

PROXY_PORT = 3128
FORWARDER_PORT = 3129


@contextlib.contextmanager
def setup(options):
    with systems.bench(options) as made:
        server = f"{systems.FAR}:{topology.SERVER_PORT}"
        for port, words in ((PROXY_PORT, []), (FORWARDER_PORT, [server])):
            relay = made.lab.far.start([systems.program("connect_relay"), str(port), *words])
            netlab.wait_listening(made.lab.far, "tcp", port, process=relay)
        yield made


def bulk(direction, port, **options):
    def sample(made):
        with systems.tfunnel(made, **options) as running:
            before = running.cpu_seconds()
            words = ["--direction", direction, "--flows", 1, "--seconds", made.seconds(4)]
            done = made.traffic(running.to, "bulk", *words, timeout=120, port=port)
            used = running.cpu_seconds() - before
            return {"gbit_s": done["gbit_s"], "cpu_s_gib": used / (done["bytes"] / systems.GIB)}

    return sample


def _samples(direction):
    proxy = f"--http-proxy http://127.0.0.1:{PROXY_PORT}"
    return {
        f"direct {direction}": bulk(direction, FORWARDER_PORT),
        f"CONNECT {direction}": bulk(direction, topology.SERVER_PORT, proxy_args=proxy),
    }


def _rows(direction):
    names = {"subject": f"CONNECT {direction}", "reference": f"direct {direction}"}
    title = f"1 flow {direction} through an HTTP proxy"
    return [
        Row(f"connect-{direction}", title, "Gbit/s", metric="gbit_s", target=ratio_at_least(0.95), **names),
        Row(f"connect-{direction}-cpu", "the same, both ends", "CPU s/GiB", metric="cpu_s_gib",
            target=ratio_at_most(1.05), **names),
    ]


CONNECT = Group("connect", setup, {**_samples("up"), **_samples("down")}, _rows("up") + _rows("down"))
