"""What real upstream proxies refuse is said at the client's terminal, at the default level, once: what, by whom, and what to do."""

import socket
import struct

import dante
import links
import netlab
import pytest
import topology
import upstreams

ENDED = "reset,refused,unreachable,timeout"
SQUID = f"http://127.0.0.1:{upstreams.SQUID_PORT}"
TINYPROXY = f"http://127.0.0.1:{upstreams.TINYPROXY_PORT}"
SOCKS5 = f"{dante.ADDRESS[4]}:{dante.PORT}"
WRONG = f"{upstreams.USER}:wrong@127.0.0.1"


@pytest.fixture(name="told")
def _told(lab, start_tunnel):
    """told(options, line, ...): flows by way of these options end, and the line stands once in the client's own log."""

    def check(options, line, **where):
        tunnel = start_tunnel(links.link_via, via=f"far 'tfunnel {options}'")
        tunnel.wait_for_log("link is up")
        for _ in range(5):
            lab.expect(lab.client, ENDED, *where.get("words", ()), to=where.get("to", topology.FAR[4]),
                       port=where.get("port", topology.SERVER_PORT))  # fmt: skip
        tunnel.wait_for_log(line)
        found = [said for said in tunnel.log().splitlines() if netlab.re.search(line, said)]
        assert len(found) == 1 and "warning: " in found[0], tunnel.log()
        assert "others are preferred" not in tunnel.log(), "there are none"
        return tunnel

    return check


def test_squid_refuses_the_password(lab, told):
    upstreams.Squid(lab, upstreams.squid_basic(lab))
    told(f"--http-proxy http://{WRONG}:{upstreams.SQUID_PORT}",
         rf"HTTP proxy {SQUID} refused the credentials \(407\): check --proxy-user")  # fmt: skip


def test_squid_wants_a_password(lab, told):
    upstreams.Squid(lab, upstreams.squid_basic(lab))
    told(f"--http-proxy {SQUID}", rf"HTTP proxy {SQUID} wants credentials \(407, offers Basic\); give --proxy-user")


def test_squid_permits_other_ports_only(lab, told):
    upstreams.Squid(lab, "acl ssl port 443\nhttp_access deny CONNECT !ssl\n")
    told(f"--http-proxy {SQUID}", rf"HTTP proxy {SQUID} permits no port 22 \(403\)", port=22)


def test_squid_forbids_the_destination(lab, told):
    upstreams.Squid(lab, f"acl no dst {topology.FAR[4]}\nhttp_access deny no\n")
    told(f"--http-proxy {SQUID}", rf"HTTP proxy {SQUID} does not permit this destination \(403\)", port=443)


def test_squid_cannot_connect(lab, told):
    upstreams.Squid(lab)
    told(f"--http-proxy {SQUID}", rf"HTTP proxy {SQUID} refused: 503 .*ERR_CONNECT_FAIL", port=topology.CLOSED_PORT)


def test_tinyproxy_refuses_the_password(lab, told):
    """It says 401, as a web server does."""
    upstreams.tinyproxy(lab, f"BasicAuth {upstreams.USER} right")
    told(f"--http-proxy http://{WRONG}:{upstreams.TINYPROXY_PORT}",
         rf"HTTP proxy {TINYPROXY} refused the credentials \(401\): check --proxy-user")  # fmt: skip


def test_tinyproxy_permits_other_ports_only(lab, told):
    upstreams.tinyproxy(lab, "ConnectPort 443")
    told(f"--http-proxy {TINYPROXY}", rf"HTTP proxy {TINYPROXY} permits no port 22 \(403\)", port=22)


def test_tinyproxy_cannot_connect(lab, told):
    upstreams.tinyproxy(lab)
    told(f"--http-proxy {TINYPROXY}", rf"HTTP proxy {TINYPROXY} refused: 50\d ", port=topology.CLOSED_PORT)


@pytest.mark.parametrize("proxy, why", [
    ("http://127.0.0.1:9", "Connection refused"),
    (f"http://{topology.UNREACHABLE_HOST[4]}:3128", "(No route to host|Host is unreachable|Network is unreachable)"),
    ("http://no-such-proxy.invalid:3128", "its name cannot be resolved: "),
])  # fmt: skip
def test_proxy_that_cannot_be_reached(told, proxy, why):
    told(f"--http-proxy {proxy}", f"HTTP proxy {proxy} cannot be reached: {why}")


def test_tls_that_fails(lab, told, tmp_path):
    upstreams.Squid(lab)
    certificates = upstreams.make_certificates(tmp_path)
    upstreams.stunnel(lab, f"{certificates}/localhost.pem")
    proxy = f"https://127.0.0.1:{upstreams.STUNNEL_PORT}"
    told(f"--http-proxy {proxy}", f"HTTP proxy {proxy} cannot be reached: .*certificate")


@pytest.mark.parametrize("option, name", [("--http-proxy http://", "HTTP proxy http://"), ("--socks5 ", "SOCKS5 proxy ")], ids=["http", "socks5"])
def test_proxy_that_swallows_connections_is_told_before_everybody_has_given_up(lab, start_tunnel, option, name):
    """A firewall drops what goes there; the limit is a minute."""
    lab.far.run(["nft", "add table inet hole; add chain inet hole out { type filter hook output priority 0; }; "
                 f"add rule inet hole out ip daddr {topology.FAR_OTHER[4]} drop"])  # fmt: skip
    proxy = f"{topology.FAR_OTHER[4]}:3128"
    tunnel = start_tunnel(links.link_via, via=f"far 'tfunnel {option}{proxy}'")
    tunnel.wait_for_log("link is up")
    with lab.client.connect(topology.FAR[4], topology.SERVER_PORT) as flow:
        tunnel.wait_for_log(f"warning: {name}{proxy} cannot be reached: it does not answer in time", 20)
        # Or its end would be waited for.
        flow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_others_are_preferred_where_there_are_others(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab)
    options = f"--http-proxy http://127.0.0.1:9 --http-proxy {SQUID}"
    tunnel = start_tunnel(links.link_via, via=f"far 'tfunnel {options}'")
    tunnel.wait_for_log("link is up")
    lab.traffic(lab.client, "short", "--count", 5)
    tunnel.wait_for_log("warning: HTTP proxy http://127.0.0.1:9 cannot be reached: Connection refused; others are preferred for 1 s")


@pytest.fixture(name="upstream")
def _upstream(lab):
    return dante.make_network(lab)


@pytest.mark.parametrize("credentials, line", [
    (f"{dante.USER}:wrong@", "refused the user name or password: check --socks5-user"),
    ("", "wants authentication: give --socks5-user"),
], ids=["wrong", "none"])  # fmt: skip
def test_dante_refuses_us(upstream, told, credentials, line):
    dante.start(upstream, method="username")
    told(f"--socks5 {credentials}{SOCKS5}", f"SOCKS5 proxy {SOCKS5} {line}", to=dante.INNER[4])


@pytest.mark.parametrize("to, port, line", [
    (dante.INNER[4], dante.FORBIDDEN_PORT, f"permits no port {dante.FORBIDDEN_PORT}, or not to this destination, by its rules"),
    (dante.INNER[4], topology.CLOSED_PORT, "failed a flow: connection refused"),
    (dante.UNREACHABLE[4], 80, "failed a flow: (host|network) unreachable"),
], ids=["forbidden", "closed", "unreachable"])  # fmt: skip
def test_dante_refuses_a_destination(upstream, told, to, port, line):
    dante.start(upstream)
    told(f"--socks5 {SOCKS5}", f"SOCKS5 proxy {SOCKS5} {line}", to=to, port=port)


def test_dante_carries_no_udp(upstream, told):
    dante.start(upstream, commands="connect")
    told(f"--socks5 {SOCKS5}", f"SOCKS5 proxy {SOCKS5} .*UDP", to=dante.INNER[4], words=("--udp",))


def test_dante_is_down(upstream, told):
    del upstream
    told(f"--socks5 {SOCKS5}", f"SOCKS5 proxy {SOCKS5} cannot be reached: Connection refused", to=dante.INNER[4])


def test_socks5_proxy_whose_name_nobody_knows(told):
    told("--socks5 no-such-proxy.invalid:1080", "SOCKS5 proxy no-such-proxy.invalid:1080 cannot be reached: its name cannot be resolved")
