"""rules-nft.sh refuses what the far host has no route to before a connection is accepted for it."""

import errno
import os

import netlab
import pytest
import system_rules
import topology

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("TFUNNEL_PROXY")), reason="only the full tfunnel asks its kernel for routes"
)

FAMILIES = pytest.mark.parametrize("family", system_rules.FAMILIES)
# Behind the tunnel, and in none of the far host's networks.
UNROUTED = {4: "203.0.113.99", 6: "2001:db8:dead::1"}
# For a connect() that has just begun the kernel loses an ICMPv6 error, but not a reset.
REFUSED = {4: errno.ENETUNREACH, 6: errno.ECONNREFUSED}


@pytest.fixture
def lab(tmp_path):
    made = system_rules.make_lab(tmp_path / "lab")
    made.client.run([system_rules.example("rules-nft.sh"), "up"])
    yield made
    made.close()


def outcome(lab, address):
    """0: there was a connection, whatever became of it."""
    try:
        lab.client.connect(address, topology.SERVER_PORT).close()
    except OSError as error:
        return error.errno
    return 0


@FAMILIES
def test_what_the_far_host_cannot_route_is_refused_by_the_rules(lab, server, start_tunnel, family):
    del server
    start_tunnel()
    netlab.wait_until(lambda: outcome(lab, UNROUTED[family]) == REFUSED[family], what="refusal by the rules")
    assert outcome(lab, topology.FAR[family]) == 0


@FAMILIES
def test_route_that_comes_up_there_counts(lab, server, start_tunnel, family):
    del server
    start_tunnel()
    netlab.wait_until(lambda: outcome(lab, UNROUTED[family]) == REFUSED[family], what="refusal by the rules")
    words = ("/32", "") if family == 4 else ("/128", " nodad")
    lab.far.ip(f"addr add {UNROUTED[family]}{words[0]} dev lo{words[1]}")
    lab.traffic(lab.client, "flows", "--count", 1, to=topology.FAR[family])
    netlab.wait_until(lambda: outcome(lab, UNROUTED[family]) == 0, 30, what="connection")


@FAMILIES
def test_rules_that_are_made_anew_refuse_it_as_well(lab, server, via, family):
    """Rules that were away for a while change routes, which a client with --via notices."""
    del server
    via()
    for command in ("down", "up"):
        lab.client.run([system_rules.example("rules-nft.sh"), command])
    netlab.wait_until(lambda: outcome(lab, UNROUTED[family]) == REFUSED[family], what="refusal by the rules")
