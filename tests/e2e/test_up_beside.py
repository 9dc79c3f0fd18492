"""`tfunnel up` beside other things that change a network: `tfunnel run`, containers on a bridge, foreign tables and marks."""

import contextlib
import os
import re
import socket
import sys

import netlab
import pytest
import topology
from system_rules import CLIENT_MGMT, FAMILIES, OUTSIDE, leaked, state
from traffic_talk import receive_exactly
from ups import KIND, PORT, carried, connects

SYSTEM_LAB = True
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)
SECOND_PORT = 7200

PROGRAM = """
import socket, sys
for line in sys.stdin:
    with socket.create_connection((line.strip(), int(sys.argv[1])), 30) as stream:
        print(stream.recv(6).decode(), flush=True)
"""


@contextlib.contextmanager
def server(lab, family):
    with lab.far.socket(KIND[family], socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((topology.FAR[family], PORT + 1))
        listener.listen()
        yield listener


def asked(program, listener, family):
    """A program that runs is told to connect, and is answered."""
    program.popen.stdin.write((topology.FAR[family] + "\n").encode())
    program.popen.stdin.flush()
    accepted, peer = listener.accept()
    with accepted:
        accepted.sendall(b"answer")
    assert program.popen.stdout.readline() == b"answer\n"
    return peer[0]


def start_run(runs):
    return runs.start(sys.executable, "-c", PROGRAM, PORT + 1, stdin=-1, stdout=-1)


@PER_FAMILY
def test_a_run_inside_up_is_a_tunnel_in_a_tunnel(lab, up, runs, family):
    """Its far end is reached through the tunnel only."""
    runs.via = f"exec socat - TCP:{topology.FAR[4]}:{SECOND_PORT}"
    listen = f"TCP-LISTEN:{SECOND_PORT},bind={topology.FAR[4]},reuseaddr,fork"
    far_end = lab.far.start(["socat", listen, f"EXEC:{topology.tfunnel_proxy()}"], name="second-far-end")
    netlab.wait_listening(lab.far, "tcp", SECOND_PORT, process=far_end)
    up.start()
    program = start_run(runs)
    with server(lab, family) as listener:
        assert asked(program, listener, family) == topology.FAR[family]
    program.popen.stdin.close()
    assert program.wait() == 0
    carried(lab, family)
    assert leaked(lab) == 0


def test_up_while_run_runs_disturbs_neither(lab, up, runs):
    program = start_run(runs)
    with contextlib.ExitStack() as servers:
        listeners = {family: servers.enter_context(server(lab, family)) for family in FAMILIES}
        for family in FAMILIES:
            asked(program, listeners[family], family)
        up.start("--reset-existing", "--exclude", f"{topology.FAR_MGMT[4]}")
        for family in FAMILIES:
            asked(program, listeners[family], family)
        up.run("down")
        for family in FAMILIES:
            asked(program, listeners[family], family)
    program.popen.stdin.close()
    assert program.wait() == 0
    assert leaked(lab) == 0


# --- containers --------------------------------------------------------------------------------------------

INSIDE = {4: "172.30.0.{}", 6: "fd30::{}"}


@pytest.fixture(name="containers")
def _containers(lab):
    """Two on a bridge of the client's, which hides them behind its own address, as container programs do."""
    made = [netlab.Namespace(f"container{number}", lab.directory) for number in (2, 3)]
    lab.client.ip("link add br0 type bridge", "link set br0 up", "addr add 172.30.0.1/24 dev br0",
                  "addr add fd30::1/64 dev br0 nodad")  # fmt: skip
    for number, container in enumerate(made, 2):
        lab.client.ip(
            f"link add veth{number} type veth peer name eth0 netns {container.name}",
            f"link set veth{number} master br0 up",
        )
        container.ip("link set lo up", "link set eth0 up", f"addr add 172.30.0.{number}/24 dev eth0",
                     f"addr add fd30::{number}/64 dev eth0 nodad", "route add default via 172.30.0.1",
                     "-6 route add default via fd30::1")  # fmt: skip
    lab.client.nft(
        "table inet containers { chain postrouting { type nat hook postrouting priority srcnat; "
        "ip saddr 172.30.0.0/24 oifname != br0 masquerade; ip6 saddr fd30::/64 oifname != br0 masquerade; }; }"
    )
    for key in ("iptables", "ip6tables"):
        lab.client.sysctl(f"net.bridge.bridge-nf-call-{key}", 1)
    yield made
    lab.client.ip("link del br0")
    lab.client.nft("delete table inet containers")
    for container in made:
        container.close()


def among_themselves(containers, family):
    first, second = containers
    with second.socket(KIND[family], socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((INSIDE[family].format(3), PORT))
        listener.listen()
        with first.connect(INSIDE[family].format(3), PORT) as program:
            accepted, peer = listener.accept()
            with accepted:
                accepted.sendall(b"answer")
                assert receive_exactly(program, 6) == b"answer"
            return peer[0] == INSIDE[family].format(2)


def without_bridge_calls(lab, refused):
    """Runs the lines that mend it, as they were told."""
    line = re.search(r"sysctl -w (net\.bridge\.\S+)=0", refused.stderr)
    lab.client.sysctl(line.group(1), 0)


@PER_FAMILY
def test_containers_on_a_bridge_go_in_or_it_is_told_why_not(lab, containers, up, family):
    """The kernel loses what is captured where br_netfilter calls the rules: nothing is changed then."""
    assert among_themselves(containers, family)
    for name in ("iptables", "ip6tables"):
        refused = up.run("up", "--via", "far tfunnel", "--forward", check=False)
        assert refused.returncode == 71 and f"bridge-nf-call-{name}" in refused.stderr, refused.stderr
        up.assert_nothing_left()
        without_bridge_calls(lab, refused)
    up.start("--forward")
    assert among_themselves(containers, family), "past the tunnel"
    assert connects(lab, topology.FAR[family], containers[0]) == topology.FAR[family]
    carried(lab, family)
    assert leaked(lab) == 0


@PER_FAMILY
def test_containers_on_a_bridge_stay_as_they_were_without_forwarding(lab, containers, up, family):
    up.start()
    assert among_themselves(containers, family)
    assert connects(lab, OUTSIDE[family], containers[0]) == CLIENT_MGMT[family]
    carried(lab, family)
    assert leaked(lab) == 0


def test_hosts_behind_another_card_go_in_beside_a_bridge(lab, containers, up):
    up.start("--forward", "--interface", "lan0")
    assert connects(lab, topology.FAR[4], lab.lan) == topology.FAR[4]
    assert connects(lab, OUTSIDE[4], containers[0]) == CLIENT_MGMT[4]


def test_only_the_containers_of_a_bridge_go_in_by_its_name(lab, containers, up):
    for name in ("iptables", "ip6tables"):
        lab.client.sysctl(f"net.bridge.bridge-nf-call-{name}", 0)
    up.start("--forward", "--interface", "br0")
    assert connects(lab, topology.FAR[4], containers[0]) == topology.FAR[4]
    assert connects(lab, OUTSIDE[4]) == CLIENT_MGMT[4]


# --- foreign tables and marks --------------------------------------------------------------------------------

FOREIGN = """
table inet foreign {
  chain output {
    type route hook output priority mangle - 5; policy accept;
    meta mark set meta mark or 0x40000
    ct mark set ct mark or 0x10000
  }
  chain prerouting {
    type filter hook prerouting priority mangle - 5; policy accept;
    meta mark set meta mark or 0x20000
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    meta mark & 0x80 == 0x80 accept comment "what is forwarded into the tunnel"
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain forward { type filter hook forward priority filter; policy accept; }
}
"""


@pytest.fixture(name="foreign")
def _foreign(lab):
    """A firewall, marks in other bits, and rules that look at them, as those of other tunnels do."""
    lab.client.nft(FOREIGN)
    for family in ("", "-6 "):
        lab.client.ip(f"{family}rule add fwmark 0x40000/0xf0000 lookup 52 priority 5210",
                      f"{family}rule add fwmark 0x80000/0x80000 unreachable priority 5230")  # fmt: skip
    yield
    for family in ("", "-6 "):
        lab.client.ip(f"{family}rule del priority 5210", f"{family}rule del priority 5230")
    lab.client.nft("delete table inet foreign")


@PER_FAMILY
def test_foreign_tables_and_marks_in_other_bits_are_no_obstacle(lab, foreign, up, family):
    del foreign
    for kind in ("all", "lo", "lan0", "wan0", "mgmt0"):
        lab.client.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 1)
    up.start("--forward")
    carried(lab, family)
    assert connects(lab, topology.FAR[family], lab.lan) == topology.FAR[family]
    assert leaked(lab) == 0


# --- its own listener ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", topology.CLIENT_WAN[4], topology.CLIENT_LAN[6]])
def test_a_connection_to_its_own_listener_is_refused_and_makes_no_loop(lab, up, address):
    running = up.start()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(3):
        with pytest.raises(ConnectionError):
            with lab.client.connect(address, 12399) as program:
                if program.recv(1) == b"":
                    raise ConnectionError("ended, and not answered")
    with lab.client.socket(family, socket.SOCK_DGRAM) as program:
        for _ in range(10):
            with contextlib.suppress(OSError):
                program.sendto(b"to the listener", (address, 12399))
    carried(lab, 4)
    assert netlab.cpu_seconds(running.pid) < 1, "it loops"
    assert os.path.exists(f"/proc/{running.pid}")
