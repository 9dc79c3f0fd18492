"""`tfunnel up` in the client's namespace, and what is sent around it."""

import contextlib
import os
import signal
import socket
import sys
import uuid

import links
import netlab
import topology
from system_rules import FAMILIES, state
from traffic_talk import receive_exactly

PORT = 7100
_HAMMER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hammer.py")
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}


class Up:
    """The command, in the client's namespace."""

    def __init__(self, lab, commands):
        self.lab = lab
        self.environment = links.environment(commands.client_path)
        self.before = state(lab.client)
        self.has_guard = True
        self.program = topology.tfunnel()

    def start(self, *words, via="far tfunnel", before=(), icmp=True, quiet=True):
        """`before`: a command that runs it. The witness of leaks needs ICMP (see system_rules)."""
        self.has_guard = "off" not in words
        far_end = ("--via", via) if via else ()
        usual = ["--allow-icmp"] * icmp + ["--quiet"] * quiet
        started = self.lab.client.start(
            [*before, self.program, "up", *far_end, *usual, *words], name="up", env=self.environment
        )
        netlab.wait_until(lambda: not started.running() or self.stands(), what="rules that stand")
        assert started.running(), started.log()
        return started

    def stands(self):
        """The guard is the last of what is made; without a kill switch there is none."""
        tables = self.lab.client.run(["nft", "list", "tables"]).stdout.split()
        return "tfunnel_up_guard" in tables or ("tfunnel_up" in tables and not self.has_guard)

    def stands_whole(self):
        """Also the table that captures."""
        return "tfunnel_up" in self.lab.client.run(["nft", "list", "tables"]).stdout.split()

    def run(self, *words, check=True):
        return self.lab.client.run([self.program, *words], check=check, env=self.environment)

    def assert_nothing_left(self):
        assert state(self.lab.client) == self.before


def connects(lab, address, source=None, port=PORT + 1, server=None, timeout=netlab.patient(10)):
    """A connection is answered; returns whom the server saw."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (server or lab.far).socket(family, socket.SOCK_STREAM, timeout=timeout) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of an earlier one something may be left
        listener.bind((address, port))
        listener.listen()
        with (source or lab.client).connect(address, port, timeout) as program:
            accepted, peer = listener.accept()
            with accepted:
                accepted.sendall(b"answer")
                assert receive_exactly(program, 6) == b"answer"
                return peer[0]


def answers(lab):
    """Is a connection through the tunnel answered by now?"""
    try:
        return connects(lab, topology.FAR[4], timeout=netlab.patient(0.2)) == topology.FAR[4]
    except OSError:
        return False


def carried(lab, family):
    """A connection and a datagram come from the far end itself, and are answered."""
    to = (topology.FAR[family], PORT + 1)  # where nothing comes late
    assert connects(lab, topology.FAR[family]) == topology.FAR[family]
    with (
        lab.far.socket(KIND[family], socket.SOCK_DGRAM, to) as server,
        lab.client.socket(KIND[family], socket.SOCK_DGRAM) as program,
    ):
        program.sendto(b"question", to)
        question, peer = server.recvfrom(100)
        assert question == b"question"
        server.sendto(b"answer", peer)
        assert program.recvfrom(100)[0] == b"answer"


def is_answered(family, to, server_at, program_at):
    """A question and its answer in datagrams, between a server at `to` of one host and a program of another."""
    with (
        server_at.socket(KIND[family], socket.SOCK_DGRAM, (to, PORT)) as server,
        program_at.socket(KIND[family], socket.SOCK_DGRAM) as program,
    ):
        program.sendto(b"question", (to, PORT))
        question, peer = server.recvfrom(100)
        server.sendto(b"answer to " + question, peer)
        return program.recvfrom(100)[0] == b"answer to question"


def try_to_get_out(lab, family):
    """True: a connection was refused, or made; False: nobody answered."""
    with contextlib.suppress(OSError), lab.client.socket(KIND[family], socket.SOCK_DGRAM) as program:
        program.sendto(b"secret", (topology.FAR[family], PORT))
    try:
        lab.client.connect(topology.FAR[family], PORT, timeout=netlab.patient(0.5)).close()
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


CLIENTS = 50


@contextlib.contextmanager
def hammering(lab):
    """Datagrams and connections of many clients to the far side, in both families, as fast as they go."""
    addresses = [topology.FAR[family] for family in FAMILIES]
    words = [sys.executable, _HAMMER, str(CLIENTS), "0.05", str(PORT), *addresses]
    clients = lab.client.start(words, name="hammer")
    clients.wait_for_log("ready")
    try:
        yield
    finally:
        clients.signal(signal.SIGTERM)
        assert clients.wait() == 0, clients.log()
    assert int(clients.wait_for_log(r"(\d+) tries").group(1)) > 0, "nobody has hammered"


def new_control_group():
    """The directory of one of version 2, with another one in it; None: there can be none here."""
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        points = [line.split()[4] for line in file if " - cgroup2 " in line]
    for point in (one for one in points if one.startswith("/sys/fs/cgroup")):
        made = os.path.join(point, f"tfunnel-test-{uuid.uuid4().hex[:12]}")
        with contextlib.suppress(OSError):
            os.makedirs(os.path.join(made, "inner"))
            return made
    return None


def removed(directory):
    """A control group, that is; False: something is left in it."""
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def inside(directory):
    """Runs what follows in this control group."""
    return ["sh", "-c", f'echo 0 > {directory}/cgroup.procs && exec "$@"', "sh"]
