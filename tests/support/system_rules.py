"""The lab for scripts that change a whole machine's rules, and what such a script must not change."""

import os
import socket
import struct

import netlab
import topology

EXAMPLES = os.path.join(topology.REPOSITORY, "examples")
SCRIPTS = ["rules-nft.sh", "rules-iptables.sh"]
FAMILIES = [4, 6]
OUTSIDE = {4: "203.0.113.12", 6: "2001:db8:f::12"}  # in far, and reachable without the tunnel
CLIENT_MGMT = {4: "198.51.100.1", 6: "2001:db8:3::1"}  # where OUTSIDE meets the client

# Only watches: the rules come from the examples.
_WATCH = """
table inet tfunnel_test {
  counter escaped { }
  chain postrouting {
    type filter hook postrouting priority 0; policy accept;
    oifname "wan0" meta l4proto { tcp, udp } counter name escaped
  }
}
"""
# The packets that the network card beyond the client's sees. Echo requests are never captured: they tell that all before them came.
_WITNESS = """
table inet witness {
  counter leaked { }
  counter echoes { }
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    meta l4proto { tcp, udp } counter name leaked
    icmp type { destination-unreachable, time-exceeded, parameter-problem } counter name leaked
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } counter name leaked
    icmp type echo-request counter name echoes
  }
}
"""
# Something of somebody else's, which must survive; iptables keeps its empty base chains for it.
_FOREIGN_RULE = "-t mangle -A {} -m mark --mark 99 -j ACCEPT"


def example(name):
    return os.path.join(EXAMPLES, name)


def make_lab(directory):
    made = topology.make_lab(directory, capture=False)
    made.client.nft(_WATCH)
    made.void.nft(_WITNESS)
    for tables in ("iptables", "ip6tables"):
        for hook in ("OUTPUT", "PREROUTING", "POSTROUTING", "INPUT"):
            made.client.run([tables, *_FOREIGN_RULE.format(hook).split()])
    made.far.ip(
        f"addr add {OUTSIDE[4]}/32 dev lo",
        f"addr add {OUTSIDE[6]}/128 dev lo nodad",
    )
    made.client.ip(
        f"route add {OUTSIDE[4]}/32 via {topology.FAR_MGMT[4]}",
        f"-6 route add {OUTSIDE[6]}/128 via {topology.FAR_MGMT[6]}",
    )
    return made


def state(namespace):
    """All that rules and routes are, without counters. Caches and clones do not count."""
    commands = ["nft -s list ruleset", "ipset list -n"]
    for family in ("-4", "-6"):
        commands += [f"ip {family} rule", f"ip {family} route show table all"]
    return {command: namespace.run(command.split()).stdout for command in commands}


def _witnessed(lab, name):
    rows = lab.void.json(["nft", "-j", "list", "counter", "inet", "witness", name])["nftables"]
    return next(row["counter"]["packets"] for row in rows if "counter" in row)


def leaked(lab):
    """How many packets of TCP and UDP, and ICMP errors, have come out of the client's network card."""
    before = _witnessed(lab, "echoes")
    with lab.client.enter():
        echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with echo:
        echo.sendto(struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0), (topology.FAR[4], 0))
    netlab.wait_until(lambda: _witnessed(lab, "echoes") > before, what="echo request behind the client's card")
    return _witnessed(lab, "leaked")


def forget_connections(namespace):
    """Empties conntrack's table, as time would (nfnetlink_conntrack.h: IPCTNL_MSG_CT_DELETE without a tuple)."""
    delete_all, acknowledge, error = 1 << 8 | 2, 1 | 4, 2
    with namespace.enter():
        netfilter = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    with netfilter:
        netfilter.send(struct.pack("=IHHIIBBH", 20, delete_all, acknowledge, 1, 0, socket.AF_UNSPEC, 0, 0))
        answer = struct.unpack_from("=IHHIIi", netfilter.recv(4096))
    assert answer[1] == error and answer[5] == 0, answer
