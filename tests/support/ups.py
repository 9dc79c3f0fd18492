"""`tfunnel up` in the client's namespace, and what is sent around it."""

import contextlib
import socket
import threading

import links
import netlab
import topology
from system_rules import FAMILIES, state
from traffic_talk import receive_exactly

PORT = 7100
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}


class Up:
    """The command, in the client's namespace."""

    def __init__(self, lab, commands):
        self.lab = lab
        self.environment = links.environment(commands.client_path)
        self.before = state(lab.client)
        self.has_guard = True
        self.program = topology.tfunnel()

    def start(self, *words, via="far tfunnel", before=()):
        """`before`: a command that runs it."""
        self.has_guard = "off" not in words
        far_end = ("--via", via) if via else ()
        started = self.lab.client.start(
            [*before, self.program, "up", *far_end, "--allow-icmp", "--quiet", *words], name="up", env=self.environment
        )
        netlab.wait_until(lambda: not started.running() or self.stands(), what="rules that stand")
        assert started.running(), started.log()
        return started

    def stands(self):
        """The guard is the last of what is made; without a kill switch there is none."""
        tables = self.lab.client.run(["nft", "list", "tables"]).stdout.split()
        return "tfunnel_up_guard" in tables or ("tfunnel_up" in tables and not self.has_guard)

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


@contextlib.contextmanager
def hammering(lab):
    """Datagrams and connections to the far side, as fast as they go."""
    over = threading.Event()

    def hammer(family):
        with lab.client.socket(KIND[family], socket.SOCK_DGRAM) as program:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    program.sendto(b"secret", (topology.FAR[family], PORT))
                with contextlib.suppress(OSError):
                    lab.client.connect(topology.FAR[family], PORT, timeout=0.05).close()

    threads = [threading.Thread(target=hammer, args=(family,)) for family in FAMILIES for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
