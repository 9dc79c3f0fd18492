"""Destinations that the far host has no route to are refused inside `tfunnel run` as that host's own kernel would refuse it."""

import os
import subprocess

import pytest
import topology

CAPTURES = False

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("TFUNNEL_PROXY")), reason="only the full tfunnel asks its kernel for routes"
)

RESOLVER = {4: "198.18.0.53", 6: "fd00:7466::53"}
# A line for each host: what connect() says of a TCP and of a UDP socket.
LOOK = """
import errno, socket, sys, time
def outcome(kind, host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as made:
        try:
            made.connect((host, int(sys.argv[1])))
        except OSError as error:
            return errno.errorcode[error.errno]
        return "connected"
"""
LOOK_ONCE = LOOK + """
for host in sys.argv[2:]:
    print(outcome(socket.SOCK_STREAM, host), outcome(socket.SOCK_DGRAM, host))
"""
LOOK_UNTIL_IT_CHANGES = LOOK + """
for host in sys.argv[2:]:
    first = outcome(socket.SOCK_DGRAM, host)
    print(first, flush=True)
    while outcome(socket.SOCK_DGRAM, host) == first:
        time.sleep(0.05)
    print(outcome(socket.SOCK_STREAM, host), flush=True)
"""


def lose(lab, family):
    """The far host has one address less, and so no route to it."""
    lab.far.ip(f"addr del {topology.FAR[family]}/{32 if family == 4 else 128} dev lo")


def gain(lab, family):
    lab.far.ip(f"addr add {topology.FAR[family]}/{32 if family == 4 else 128} dev lo" + (" nodad" if family == 6 else ""))


def look(runs, *hosts):
    done = runs.run("python3", "-c", LOOK_ONCE, topology.SERVER_PORT, *hosts)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("lost, kept", [(4, 6), (6, 4)])
def test_family_that_the_far_host_cannot_route_is_refused_at_once(lab, runs, server, lost, kept):
    del server
    lose(lab, lost)
    refused, reached = look(runs, topology.FAR[lost], topology.FAR[kept])
    assert refused == ["ENETUNREACH", "ENETUNREACH"]
    assert reached == ["connected", "connected"]


@pytest.mark.parametrize("family", [4, 6])
def test_virtual_resolver_has_a_route_whatever_the_far_host_has(lab, runs, family):
    lose(lab, family)
    (outcome,) = look(runs, RESOLVER[family])
    assert outcome[1] == "connected"


@pytest.mark.parametrize("family", [4, 6])
def test_route_that_comes_or_goes_counts_while_the_program_runs(lab, runs, server, family):
    del server
    hosts = [topology.FAR[family]] * 2
    lose(lab, family)
    command = ["python3", "-c", LOOK_UNTIL_IT_CHANGES, topology.SERVER_PORT, *hosts]
    run = runs.start(*command, stdout=subprocess.PIPE)
    say = lambda: run.popen.stdout.readline().decode().strip()  # noqa: E731
    assert say() == "ENETUNREACH"
    gain(lab, family)
    assert say() == "connected"
    assert say() == "connected"
    lose(lab, family)
    assert say() == "ENETUNREACH"
    assert run.wait() == 0
