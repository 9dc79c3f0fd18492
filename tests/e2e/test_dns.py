"""Names are looked up where the far end is: a real dnsmasq there, a real dig here."""

import subprocess
import time

import isolation
import links
import netlab
import pytest
import topology
import upstreams

RESOLVER = {4: "198.18.0.53", 6: "fd00:7466::53"}
# dnsmasq listens on another address than the far end's own, as nameservers do.
NAMESERVER = topology.FAR_OTHER
NAME = "www.example.test"
FAMILIES = pytest.mark.parametrize("family", [4, 6])
STREAMS = pytest.mark.parametrize("words", [[], ["+tcp"]], ids=["udp", "tcp"])


def start_dnsmasq(lab, address, name="dnsmasq", answer=topology.FAR):
    command = [
        "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
        "--bind-interfaces", "--except-interface=lo0", "--user=", f"--listen-address={address}",
        f"--address=/{NAME}/{answer[4]}", f"--address=/{NAME}/{answer[6]}",
        f"--cname=alias.example.test,{NAME}", f"--host-record={NAME},{answer[4]},{answer[6]}",
        *(f"--txt-record=long.example.test,{str(i) * 240}" for i in range(8)),
    ]
    server = lab.far.start(command, name=name)
    netlab.wait_listening(lab.far, "udp", 53, process=server)
    netlab.wait_listening(lab.far, "tcp", 53, process=server)
    return server


def dig(namespace, server, *words):
    command = ["dig", f"@{server}", "+time=20", "+tries=1", *words]
    return namespace.run(command, check=False, timeout=30)


def short(namespace, server, *words):
    """The output of dig with +short, as lines."""
    return dig(namespace, server, "+short", *words).stdout.split()


@pytest.fixture(name="resolv_conf")
def _resolv_conf(lab):
    """The far host's /etc/resolv.conf, as long as the test runs (/etc is the test run's own)."""
    del lab

    def lines(*servers):
        return "".join(f"nameserver {server}\n" for server in servers)

    def write(*servers):
        with open("/etc/resolv.conf", "w", encoding="ascii") as file:
            file.write(lines(*servers))

    with isolation.replaced("/etc/resolv.conf", lines(NAMESERVER[4])):
        yield write


@FAMILIES
@STREAMS
def test_far_hosts_own_resolver_answers(lab, resolv_conf, start_tunnel, family, words):
    del resolv_conf
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel()
    assert short(lab.client, RESOLVER[family], NAME, *words) == [topology.FAR[4]]
    assert short(lab.client, RESOLVER[family], NAME, "AAAA", *words) == [topology.FAR[6]]
    assert short(lab.client, RESOLVER[family], "alias.example.test", *words)[-1] == topology.FAR[4]


def test_dead_nameserver_is_told_once_and_once_that_it_is_back(lab, resolv_conf, start_tunnel):
    """At the client's own terminal, at the default level; never once a query."""
    del resolv_conf
    assert_told_once(lab, start_tunnel, "far tfunnel", [], "", "Connection refused")


def test_dead_nameserver_is_told_once_over_tcp(lab, resolv_conf, start_tunnel):
    del resolv_conf
    assert_told_once(lab, start_tunnel, "far tfunnel", ["+tcp"], " over TCP", "Connection refused")


def test_dead_nameserver_behind_an_upstream_proxy_is_told_once(lab, start_tunnel):
    upstreams.Squid(lab)
    options = f"--http-proxy http://127.0.0.1:{upstreams.SQUID_PORT} --dns {NAMESERVER[4]}"
    assert_told_once(lab, start_tunnel, f"far 'tfunnel {options}'", [], " over TCP", "host unreachable")


def assert_told_once(lab, start_tunnel, via, words, how, why):
    server = start_dnsmasq(lab, NAMESERVER[4])
    tunnel = start_tunnel(links.link_via, via=via)
    tunnel.wait_for_log("link is up")
    assert short(lab.client, RESOLVER[4], NAME, *words) == [topology.FAR[4]]
    assert "nameserver" not in tunnel.log()
    name = f"warning: nameserver {NAMESERVER[4]}:53 "
    server.kill()
    for number in range(10):
        assert "status: " in dig(lab.client, RESOLVER[4], f"host{number}.example.test", *words).stdout
    tunnel.wait_for_log(f"{name}does not answer{how}: {why}")
    start_dnsmasq(lab, NAMESERVER[4], name="dnsmasq-2")
    for _ in range(10):
        assert short(lab.client, RESOLVER[4], NAME, *words) == [topology.FAR[4]]
    tunnel.wait_for_log(f"{name}answers again{how}")
    assert tunnel.log().count(name) == 2, tunnel.log()


def test_lan_hosts_are_answered_too(lab, resolv_conf, start_tunnel):
    del resolv_conf
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel()
    assert short(lab.lan, RESOLVER[4], NAME) == [topology.FAR[4]]
    assert short(lab.lan, RESOLVER[6], NAME) == [topology.FAR[4]]


def test_changed_resolv_conf_counts_at_once(lab, resolv_conf, start_tunnel):
    start_dnsmasq(lab, NAMESERVER[4])
    resolv_conf(topology.UNREACHABLE_HOST[4])
    start_tunnel()
    assert "SERVFAIL" in dig(lab.client, RESOLVER[4], NAME).stdout
    resolv_conf(topology.UNREACHABLE_HOST[4], NAMESERVER[4])
    assert short(lab.client, RESOLVER[4], NAME) == [topology.FAR[4]]


def test_servers_that_there_is_no_route_to_do_not_replace_others(lab, resolv_conf, start_tunnel):
    """A network that comes writes the file before it is there."""
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel()
    assert short(lab.client, RESOLVER[4], NAME) == [topology.FAR[4]]
    resolv_conf(topology.UNREACHABLE_HOST[4])
    assert short(lab.client, RESOLVER[4], NAME) == [topology.FAR[4]]


def test_servers_that_there_is_no_route_to_do_not_take_the_upstream_proxys_name_away(
    lab, resolv_conf, server, start_tunnel
):
    """The far end's own look-ups are of the same kind. The files are looked at once a second."""
    del server
    start_dnsmasq(lab, NAMESERVER[4])
    upstreams.tinyproxy(lab, listen=topology.FAR[4])
    start_tunnel(proxy_args=f"--http-proxy http://{NAME}:{upstreams.TINYPROXY_PORT}")
    lab.traffic(lab.client, "short", "--count", 2)
    resolv_conf(topology.UNREACHABLE_HOST[4])
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        lab.traffic(lab.client, "short", "--count", 2)


@FAMILIES
def test_named_servers_are_tried_in_order(lab, start_tunnel, family):
    start_dnsmasq(lab, NAMESERVER[family])
    start_tunnel(proxy_args=f"--dns {topology.UNREACHABLE_HOST[family]} --dns {NAMESERVER[family]}")
    for words in ([], ["+tcp"]):
        assert short(lab.client, RESOLVER[4], NAME, *words) == [topology.FAR[4]]


def test_silent_server_is_passed_over(lab, start_tunnel):
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel(proxy_args=f"--dns {topology.SILENT_HOST[4]} --dns {NAMESERVER[4]}")
    assert short(lab.client, RESOLVER[4], NAME) == [topology.FAR[4]]


def test_long_answer_is_truncated_and_comes_by_tcp(lab, start_tunnel):
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel(proxy_args=f"--dns {NAMESERVER[4]}")
    done = dig(lab.client, RESOLVER[4], "long.example.test", "TXT", "+bufsize=1232", "+ignore")
    assert " tc " in done.stdout, done.stdout
    assert len(short(lab.client, RESOLVER[4], "long.example.test", "TXT", "+bufsize=1232", "+notcp")) >= 8


def test_other_resolver_address(lab, start_tunnel):
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel(proxy_args=f"--dns {NAMESERVER[4]} --resolver-address 203.0.113.53")
    assert short(lab.client, "203.0.113.53", NAME) == [topology.FAR[4]]


@FAMILIES
@STREAMS
def test_rules_for_destinations_leave_their_names_alone(lab, server, start_tunnel, family, words):
    del server
    start_dnsmasq(lab, NAMESERVER[4])
    start_tunnel(proxy_args=f"--dns {NAMESERVER[4]} --allow {topology.FAR[4]}")
    assert short(lab.client, RESOLVER[family], NAME, *words) == [topology.FAR[4]]
    lab.traffic(lab.client, "flows", "--count", 2)
    lab.expect(lab.client, "reset,refused", to=RESOLVER[4], port=853)


@STREAMS
def test_rule_that_denies_the_resolver_is_obeyed(lab, start_tunnel, words):
    start_dnsmasq(lab, NAMESERVER[4])
    tunnel = start_tunnel(proxy_args=f"--dns {NAMESERVER[4]} --allow {NAMESERVER[4]} --deny {RESOLVER[4]}:53")
    assert short(lab.client, NAMESERVER[4], NAME, *words) == [topology.FAR[4]]
    dig(lab.client, RESOLVER[4], NAME, *words, "+time=1")
    tunnel.wait_for_log(rf"refused: .*{RESOLVER[4]}.*--deny")


@FAMILIES
@STREAMS
def test_any_other_resolver_is_reached_as_before(lab, start_tunnel, family, words):
    start_dnsmasq(lab, NAMESERVER[family])
    start_tunnel()
    assert short(lab.client, NAMESERVER[family], NAME, *words) == [topology.FAR[4]]


def test_only_dns_is_served_there(lab, server, start_tunnel):
    """DNS over TLS is tried first by some resolvers, which must fall back at once."""
    del server
    start_tunnel()
    for address in RESOLVER.values():
        lab.expect(lab.client, "reset,refused", to=address, port=853)


def test_bad_options_say_what_to_do():
    for words in (["--dns", "example.com"], ["--resolver-address", "x"], ["--proxy-names", "perhaps"]):
        done = subprocess.run(
            [topology.tfunnel(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 64 and words[0] in done.stderr, done.stderr
