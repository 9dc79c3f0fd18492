"""What `tfunnel up` leaves outside the tunnel, and through which far ends the rest goes."""

import os
import signal
import socket

import dante
import isolation
import netlab
import pytest
import system_rules
import topology
import upstreams
from system_rules import CLIENT_MGMT, FAMILIES, OUTSIDE, leaked
from test_dns import NAME, NAMESERVER, short, start_dnsmasq
from traffic_talk import receive_exactly
from ups import KIND, PORT, answers, carried, connects, hammering, is_answered

SYSTEM_LAB = True
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)
PROXY_PORT = 3129
SSH = f"ssh -o ControlPath=none -o HostName={OUTSIDE[4]} host tfunnel"


def is_outside(lab, family, source=None, port=PORT + 1):
    """A connection to OUTSIDE goes there past the tunnel, and is not merely lost."""
    return connects(lab, OUTSIDE[family], source, port) == CLIENT_MGMT[family]


def lose_link(lab):
    """The far end is killed; returns when another one serves."""
    first = lab.far.find(topology.tfunnel_proxy())
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: set(lab.far.find(topology.tfunnel_proxy())) - set(first), 30, "a link made again")
    netlab.wait_until(lambda: answers(lab), 30, "an answer through it")


# --- the link ----------------------------------------------------------------------------------------


def test_only_the_port_of_the_links_host_stays_outside(lab, up, commands):
    """ssh's connection goes out, comes back when it is lost, and nothing else goes to that host past the tunnel."""
    commands.start_sshd(address=OUTSIDE[4])
    up.start(via=SSH)
    for family in FAMILIES:
        carried(lab, family)
        assert not is_outside(lab, family)
    lose_link(lab)
    carried(lab, 4)
    assert leaked(lab) == 0


def groups_work(lab):
    """Nothing else tells the link's questions from others."""
    rule = 'table inet try { chain output { type filter hook output priority 0; socket cgroupv2 level 1 "%s" accept; }; }'
    mounts = [line.split() for line in open("/proc/self/mountinfo", encoding="ascii") if " - cgroup2 " in line]
    for point in (words[4] for words in mounts if words[4].startswith("/sys/fs/cgroup")):
        made = f"{point}/try-{os.getpid()}"
        try:
            os.mkdir(made)
        except OSError:
            continue
        try:
            text = rule % os.path.relpath(made, "/sys/fs/cgroup")
            return lab.client.run(["nft", "-c", "-f", "-"], input=text, check=False).returncode == 0
        finally:
            os.rmdir(made)
    return False


def test_the_name_of_the_links_host_is_looked_up_past_the_tunnel(lab, up, commands):
    """Also when the link is lost, and by one that takes over what a killed one left."""
    if not groups_work(lab):
        pytest.skip("no control groups of version 2 here")
    start_dnsmasq(lab, OUTSIDE[4], answer=OUTSIDE)
    commands.start_sshd(address=OUTSIDE[4])
    named = f"ssh -o ControlPath=none -o AddressFamily=inet -o HostName={NAME} host tfunnel"
    with isolation.replaced("/etc/resolv.conf", f"nameserver {OUTSIDE[4]}\n"):
        running = up.start(via=named)
        carried(lab, 4)
        lose_link(lab)
        running.signal(signal.SIGKILL)
        netlab.wait_until(lambda: not lab.far.find(topology.tfunnel_proxy()), what="the end of the far end")
        up.start(via=named)
        carried(lab, 4)
        with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
            program.settimeout(netlab.patient(1))
            with lab.far.socket(socket.AF_INET, socket.SOCK_DGRAM, (OUTSIDE[4], PORT)) as server:
                program.sendto(b"question", (OUTSIDE[4], PORT))
                assert server.recvfrom(100)[1][0] != CLIENT_MGMT[4], "others are no part of the link"
        up.run("down")
    assert leaked(lab) == 0


def test_what_a_killed_one_left_lets_the_named_host_of_a_new_link_through(lab, up, commands):
    up.start().signal(9)
    commands.start_sshd(address=OUTSIDE[4])
    up.start("--link", f"{OUTSIDE[4]}:{topology.SSH_PORT}", via=SSH)
    carried(lab, 4)
    assert not is_outside(lab, 4)
    assert leaked(lab) == 0


@PER_FAMILY
def test_connections_from_outside_go_on_and_new_ones_are_served(lab, up, family):
    """An ssh session that somebody sits in, and a published service."""
    here = (CLIENT_MGMT[family], PORT)
    with lab.client.socket(KIND[family], socket.SOCK_STREAM, here) as listener:
        listener.listen()
        strangers = []
        for number in range(2):
            stranger = lab.far.socket(KIND[family], socket.SOCK_STREAM, (OUTSIDE[family], 0))
            stranger.connect(here)
            strangers.append((stranger, listener.accept()[0]))
            if number == 0:
                up.start()
        for stranger, accepted in strangers:
            with stranger, accepted:
                accepted.sendall(b"answer")
                assert receive_exactly(stranger, 6) == b"answer"
                stranger.sendall(b"and on")
                assert receive_exactly(accepted, 6) == b"and on"


@PER_FAMILY
@pytest.mark.parametrize("kind", ["http", "http with a password"])
def test_through_a_real_http_proxy(lab, up, family, kind):
    has_password = "password" in kind
    rules = upstreams.squid_basic(lab) if has_password else ""
    squid = upstreams.Squid(lab, f"http_port {OUTSIDE[4]}:{PROXY_PORT}\nhttp_port [{OUTSIDE[6]}]:{PROXY_PORT}\n{rules}")
    host = OUTSIDE[4] if family == 4 else f"[{OUTSIDE[6]}]"
    login = f"{upstreams.URL_CREDENTIALS}@" if has_password else ""
    up.start("--http-proxy", f"http://{login}{host}:{PROXY_PORT}", via=None)
    for destination in FAMILIES:
        assert connects(lab, topology.FAR[destination], port=443) == topology.FAR[destination]
    netlab.wait_until(lambda: squid.log().count("CONNECT") >= 2, what="CONNECTs in squid's log")
    with lab.client.socket(KIND[family], socket.SOCK_DGRAM) as program:
        program.connect((topology.FAR[family], PORT))
        program.send(b"no UDP")
        with pytest.raises(ConnectionRefusedError):
            program.recv(100)
    assert leaked(lab) == 0


def test_the_proxys_name_is_looked_up_past_the_tunnel_and_so_goes_what_needs_no_proxy(lab, up):
    """The far end on this machine asks its nameserver, which would be captured but for its mark."""
    start_dnsmasq(lab, OUTSIDE[4], answer=OUTSIDE)
    upstreams.Squid(lab, f"http_port {OUTSIDE[4]}:{PROXY_PORT}")
    with isolation.replaced("/etc/resolv.conf", f"nameserver {OUTSIDE[4]}\n"):
        up.start("--http-proxy", f"http://{NAME}:{PROXY_PORT}", "--no-proxy", f"{OUTSIDE[6]},{OUTSIDE[4]}:{PORT}", via=None)
        assert connects(lab, topology.FAR[4], port=443) == topology.FAR[4]
        assert is_outside(lab, 6)
        assert is_outside(lab, 4, port=PORT)
    assert leaked(lab) == 0


@PER_FAMILY
def test_through_a_real_socks5_proxy(lab, up, family):
    upstream = dante.make_network(lab)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        lab.far.sysctl(key, 1)
    lab.client.ip(
        f"route add 10.66.0.0/24 via {topology.FAR_MGMT[4]}", f"-6 route add fd66::/64 via {topology.FAR_MGMT[6]}"
    )
    upstream.ip(
        f"route add 198.51.100.0/24 via {dante.FAR[4]}", f"-6 route add 2001:db8:3::/64 via {dante.FAR[6]}"
    )
    up.before = system_rules.state(lab.client)
    dante.start(upstream)
    host = dante.ADDRESS[4] if family == 4 else f"[{dante.ADDRESS[6]}]"
    up.start("--socks5", f"{host}:{dante.PORT}", via=None)
    to = dante.INNER[family]
    assert connects(lab, to, server=upstream) == to
    assert is_answered(family, to, upstream, lab.client)
    assert leaked(lab) == 0


# --- what is chosen ------------------------------------------------------------------------------------


@PER_FAMILY
def test_an_excluded_port_stays_outside_and_the_next_one_does_not(lab, up, family):
    host = OUTSIDE[4] if family == 4 else f"[{OUTSIDE[6]}]"
    up.start("--exclude", f"{host}:{PORT},{PORT + 2}-{PORT + 3}")
    assert is_outside(lab, family, port=PORT)
    assert is_outside(lab, family, port=PORT + 3)
    assert not is_outside(lab, family, port=PORT + 1)
    carried(lab, family)


@PER_FAMILY
def test_only_what_is_included_goes_in(lab, up, family):
    host = OUTSIDE[4] if family == 4 else f"[{OUTSIDE[6]}]"
    up.start("--include", f"{host}:{PORT}", "--include", f"{topology.FAR[family]}")
    assert not is_outside(lab, family, port=PORT)
    assert is_outside(lab, family, port=PORT + 1)
    carried(lab, family)


def test_a_network_that_is_none_is_refused(up):
    for option in ("--exclude", "--include"):
        refused = up.run("up", "--via", "far tfunnel", option, "10.0.0.1/8", check=False)
        assert refused.returncode == 64 and option in refused.stderr, refused.stderr
    up.assert_nothing_left()


@PER_FAMILY
def test_own_networks_are_refused_if_they_are_denied(lab, up, family):
    up.start("--lan", "deny")
    with lab.lan.socket(KIND[family], socket.SOCK_STREAM, (topology.LAN_HOST[family], PORT)) as listener:
        listener.listen()
        with pytest.raises(ConnectionRefusedError):
            lab.client.connect(topology.LAN_HOST[family], PORT)
    with lab.client.socket(KIND[family], socket.SOCK_STREAM, (topology.CLIENT_LAN[family], PORT)) as listener:
        listener.listen()
        with lab.lan.connect(topology.CLIENT_LAN[family], PORT) as visitor:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"served")
                assert receive_exactly(visitor, 6) == b"served"
    carried(lab, family)


@PER_FAMILY
def test_what_is_forwarded_goes_in_only_if_that_is_wanted(lab, up, family):
    with up.start("--forward").popen:
        assert connects(lab, topology.FAR[family], lab.lan) == topology.FAR[family]
        assert is_answered(family, topology.FAR[family], lab.far, lab.lan)
        assert leaked(lab) == 0
        up.run("down")


# --- names ---------------------------------------------------------------------------------------------


@pytest.fixture(name="names")
def _names(lab):
    """A nameserver that the far end's host uses. Others are asked in vain."""
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER[4]}\n"):
        yield start_dnsmasq(lab, NAMESERVER[4])


SOMEBODY = {4: "192.0.2.140", 6: "2001:db8:2::53"}  # an own network of the client's, where nobody is


@PER_FAMILY
@pytest.mark.parametrize("words", [[], ["+tcp"]], ids=["udp", "tcp"])
@pytest.mark.parametrize("source", ["local", "forwarded"])
def test_questions_go_to_the_far_resolver_whoever_is_asked(lab, up, names, family, words, source):
    """Also one in an own network, and one that is excluded."""
    del names
    excluded = "198.51.100.77" if family == 4 else "2001:db8:77::77"
    up.start("--forward", "--exclude", excluded)
    for server in (SOMEBODY[family], excluded):
        assert short(lab.source(source), server, NAME, *words) == [topology.FAR[4]]
    assert leaked(lab) == 0


def test_questions_go_to_the_nameserver_that_is_named(lab, up):
    start_dnsmasq(lab, topology.FAR_OTHER[4])
    up.start("--dns", topology.FAR_OTHER[4])
    assert short(lab.client, SOMEBODY[4], NAME) == [topology.FAR[4]]
    refused = lab.client.run(["dig", "-6", f"@{SOMEBODY[6]}", "+time=2", "+tries=1", NAME], check=False)
    assert "refused" in refused.stdout, refused.stdout
    assert leaked(lab) == 0


def test_questions_are_like_everything_else_if_dns_is_kept(lab, up, names):
    del names
    up.start("--dns", "keep", "--exclude", "203.0.113.12")
    assert short(lab.client, NAMESERVER[4], NAME) == [topology.FAR[4]], "through the tunnel"
    start_dnsmasq(lab, OUTSIDE[4], "outside", answer=OUTSIDE)
    assert short(lab.client, OUTSIDE[4], NAME) == [OUTSIDE[4]], "past it"


def test_dns_over_tls_to_strangers_is_refused(lab, up, names):
    """Else a resolver that tries it first would go past the far one."""
    del names
    up.start()
    with (
        lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, (topology.FAR[4], 853)) as listener,
        pytest.raises(ConnectionRefusedError),
    ):
        listener.listen()
        lab.client.connect(topology.FAR[4], 853)


def test_a_nameserver_of_this_machine_goes_on(lab, up, names):
    """It asks another one by itself: that question is taken, and makes no loop."""
    del names
    here = lab.client.start(
        ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts", "--user=",
         "--bind-interfaces", "--listen-address=127.0.0.53", f"--server={SOMEBODY[4]}"],
        name="local-dnsmasq",
    )  # fmt: skip
    netlab.wait_listening(lab.client, "udp", 53, process=here)
    up.start()
    assert short(lab.client, "127.0.0.53", NAME) == [topology.FAR[4]]
    assert leaked(lab) == 0


def is_inbound_served(lab):
    return connects(lab, CLIENT_MGMT[4], source=lab.far, server=lab.client) in (topology.FAR_MGMT[4], OUTSIDE[4])


# --- what cannot work ------------------------------------------------------------------------------------


TRAPS = {
    "src_valid_mark": (
        lambda lab: lab.client.sysctl("net.ipv4.conf.all.src_valid_mark", 1),
        lambda lab: lab.client.sysctl("net.ipv4.conf.all.src_valid_mark", 0),
        "net.ipv4.conf.all.src_valid_mark",
    ),
    "marks": (
        lambda lab: lab.client.ip("rule add fwmark 0xca6c lookup 51820 priority 9000"),
        lambda lab: lab.client.ip("rule del priority 9000"),
        "rule 9000 is about mark 0xca6c",
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_named_before_anything_is_changed(lab, up, trap):
    make, mend, name = TRAPS[trap]
    make(lab)
    before = system_rules.state(lab.client)
    refused = up.run("up", "--via", "far tfunnel", "--forward", check=False)
    assert refused.returncode == 71 and name in refused.stderr, refused.stderr
    assert system_rules.state(lab.client) == before
    mend(lab)
    up.start("--forward")
    carried(lab, 4)


def test_a_strict_reverse_path_filter_is_no_obstacle(lab, up):
    for kind in ("all", "lo", "lan0", "wan0", "mgmt0"):
        lab.client.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 1)
    up.start("--forward")
    carried(lab, 4)
    assert connects(lab, topology.FAR[4], lab.lan) == topology.FAR[4]
    assert leaked(lab) == 0


def test_marks_in_the_search_for_the_way_back_are_no_obstacle_without_forwarding(lab, up):
    for kind in ("all", "lo", "wan0", "mgmt0"):
        lab.client.sysctl(f"net.ipv4.conf.{kind}.src_valid_mark", 1)
        lab.client.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 1)
    up.start()
    carried(lab, 4)
    assert is_inbound_served(lab)
    assert leaked(lab) == 0


def test_without_ipv6_the_rest_goes_on(lab, up):
    lab.client.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    up.before = system_rules.state(lab.client)
    up.start()
    carried(lab, 4)
    assert leaked(lab) == 0


def test_without_a_route_for_one_family_the_other_goes_on(lab, up):
    lab.client.ip("-6 route del default")
    up.before = system_rules.state(lab.client)
    up.start()
    carried(lab, 4)
    with hammering(lab):
        carried(lab, 4)
    assert leaked(lab) == 0
