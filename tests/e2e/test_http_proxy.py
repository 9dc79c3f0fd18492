"""Through real HTTP proxies: squid and tinyproxy in the far namespace, the whole tunnel before them."""

import contextlib
import os
import re

import netlab
import pytest
import topology
import upstreams

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SQUID = f"--http-proxy http://127.0.0.1:{upstreams.SQUID_PORT}"
SQUID_WITH_PASSWORD = f"--http-proxy 'http://{upstreams.URL_CREDENTIALS}@127.0.0.1:{upstreams.SQUID_PORT}'"
ENDED = "reset,refused,unreachable"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return upstreams.make_certificates(tmp_path_factory.mktemp("certificates"))


def curl(lab, address, scheme, certificates, *words):
    host = f"[{address}]" if ":" in address else address
    done = lab.client.run(
        ["curl", "-sS", "-m", "20", "--noproxy", "*", "--cacert", f"{certificates}/ca.pem", *words, f"{scheme}://{host}/"],
        check=False,
    )
    return done.stdout + done.stderr


def assert_echo(lab, address=topology.FAR[4]):
    lab.expect(lab.client, "reply", "--behaviour", "echo", "--send", 10, to=address)


@FAMILIES
def test_curl_http_and_https(lab, start_tunnel, certificates, family):
    squid = upstreams.Squid(lab)
    upstreams.web_server(lab, f"{certificates}/localhost.pem")
    start_tunnel(proxy_args=SQUID)
    assert curl(lab, topology.FAR[family], "http", certificates) == "port 80\n"
    assert curl(lab, topology.FAR[family], "https", certificates) == "port 443\n"
    netlab.wait_until(lambda: squid.log().count("CONNECT") == 2, what="two CONNECTs in squid's log")


def test_bulk_and_many_flows(lab, server, start_tunnel):
    """No half-closes here: real proxies end such connections."""
    del server
    upstreams.Squid(lab)
    start_tunnel(proxy_args=SQUID)
    lab.traffic(lab.client, "short", "--count", 1000, "--parallel", 50)
    lab.traffic(lab.client, "bulk", "--direction", "down", "--flows", 4, "--bytes", 20000000)


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_authentication(lab, server, start_tunnel, scheme):
    """Parallel flows share one nonce; squid calls it stale every few uses."""
    del server
    rules = upstreams.squid_basic(lab) if scheme == "basic" else upstreams.squid_digest(lab, nonce_uses=5)
    squid = upstreams.Squid(lab, rules)
    start_tunnel(proxy_args=SQUID_WITH_PASSWORD)
    lab.traffic(lab.client, "short", "--count", 60, "--parallel", 8)
    assert re.search(rf"TCP_TUNNEL/200 .* {upstreams.USER} ", squid.log())


def test_digest_is_preferred_to_basic(lab, server, start_tunnel):
    """The Basic passwords of this squid are wrong: only Digest can succeed."""
    del server
    basic = f"auth_param basic program {upstreams.NCSA_AUTH} /dev/null\nauth_param basic realm test\n"
    upstreams.Squid(lab, basic + upstreams.squid_digest(lab))
    start_tunnel(proxy_args=SQUID_WITH_PASSWORD)
    lab.traffic(lab.client, "short", "--count", 5, "--parallel", 2)


def test_credentials_from_a_file_and_wrong_ones(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, upstreams.squid_basic(lab))
    right = upstreams.write(lab.directory, "right", upstreams.PASSWORD + "\n")
    wrong = upstreams.write(lab.directory, "wrong", "guess\n", mode=0o644)
    tunnel = start_tunnel(proxy_args=f"{SQUID} --proxy-user {upstreams.USER} --proxy-password-file {right}")
    lab.traffic(lab.client, "short", "--count", 5, "--parallel", 2)
    tunnel.stop()
    tunnel = start_tunnel(proxy_args=f"{SQUID} --proxy-user {upstreams.USER} --proxy-password-file {wrong}")
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"HTTP proxy http://127.0.0.1:3128 refused the credentials \(407\): check --proxy-user and the password; it offers Basic")
    tunnel.wait_for_log("others may read the password")
    assert "guess" not in tunnel.log()


def test_destinations_forbidden_by_407_leave_the_others(lab, server, start_tunnel):
    """Where a deny line ends in a proxy_auth ACL squid answers 407, whatever the password."""
    del server
    forbidden = range(9001, 9011)
    rules = f"acl no port {forbidden[0]}-{forbidden[-1]}\nhttp_access deny no known\n"
    squid = upstreams.Squid(lab, upstreams.squid_basic(lab) + rules)
    start_tunnel(proxy_args=SQUID_WITH_PASSWORD)
    assert_echo(lab)
    for port in forbidden[:3]:
        lab.expect(lab.client, ENDED, port=port)
    assert_echo(lab, topology.FAR_OTHER[4])  # for the first time
    for port in forbidden:
        lab.expect(lab.client, ENDED, port=port)
    assert_echo(lab)
    logins = [line for line in squid.log().splitlines() if f" {upstreams.USER} " in line and "/407 " in line]
    assert 3 <= len(logins) <= 3 + 5, "a wrong password would be sent as often"


def test_missing_credentials_are_told(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, upstreams.squid_basic(lab))
    tunnel = start_tunnel(proxy_args=SQUID)
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"wants credentials \(407, offers Basic\); give --proxy-user")


def test_only_port_443(lab, server, start_tunnel, certificates):
    del server
    upstreams.Squid(lab, "acl ssl port 443\nhttp_access deny CONNECT !ssl\n")
    upstreams.web_server(lab, f"{certificates}/localhost.pem")
    tunnel = start_tunnel(proxy_args=SQUID)
    assert curl(lab, topology.FAR[4], "https", certificates) == "port 443\n"
    assert lab.expect(lab.client, ENDED)["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log(r"permits no port 7000 \(403\).*: Forbidden .*permit only port 443.*destination=203.0.113.10:7000")


def test_forbidden_destination(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, f"acl no dst {topology.FAR_OTHER[4]}\nhttp_access deny no\n")
    tunnel = start_tunnel(proxy_args=SQUID)
    assert_echo(lab)
    lab.expect(lab.client, ENDED, to=topology.FAR_OTHER[4])
    tunnel.wait_for_log(r"\(403\), or not to this destination: Forbidden")


@FAMILIES
def test_destination_that_the_proxy_cannot_reach(lab, start_tunnel, family):
    upstreams.Squid(lab)
    tunnel = start_tunnel(proxy_args=SQUID)
    lab.expect(lab.client, ENDED, to=topology.FAR[family], port=topology.CLOSED_PORT)
    tunnel.wait_for_log(r"refused: 503 .*ERR_CONNECT_FAIL")


def test_tinyproxy_with_basic(lab, server, start_tunnel):
    """It closes the connection after its 407."""
    del server
    password = "no blanks here".replace(" ", "-")
    upstreams.tinyproxy(lab, f"BasicAuth {upstreams.USER} {password}")
    start_tunnel(proxy_args=f"--http-proxy {upstreams.USER}:{password}@127.0.0.1:{upstreams.TINYPROXY_PORT}")
    lab.traffic(lab.client, "short", "--count", 30, "--parallel", 5)


def test_dead_first_proxy(lab, server, start_tunnel):
    del server
    squid = upstreams.Squid(lab)
    tunnel = start_tunnel(proxy_args=f"--http-proxy http://127.0.0.1:9 {SQUID}")
    lab.traffic(lab.client, "short", "--count", 20, "--parallel", 2)
    tunnel.wait_for_log("HTTP proxy http://127.0.0.1:9 cannot be reached: Connection refused; others are preferred for 1 s")
    assert "CONNECT" in squid.log()


@FAMILIES
def test_no_proxy_goes_directly(lab, server, start_tunnel, family):
    del server
    squid = upstreams.Squid(lab)
    start_tunnel(proxy_args=f"{SQUID} --no-proxy {topology.FAR_OTHER[4]}/32,{topology.FAR_OTHER[6]}")
    assert_echo(lab, topology.FAR_OTHER[family])
    lab.expect(lab.client, "reply", "--udp", to=topology.FAR_OTHER[family])
    assert "CONNECT" not in squid.log()
    assert_echo(lab, topology.FAR[family])
    netlab.wait_until(lambda: "CONNECT" in squid.log(), what="a CONNECT in squid's log")


@FAMILIES
def test_udp_is_refused_within_milliseconds(lab, server, start_tunnel, family):
    """QUIC falls back to TCP at once instead of after its time-out."""
    del server
    tunnel = start_tunnel(proxy_args=f"{SQUID}")
    result = lab.expect(lab.client, "refused", "--udp", to=topology.FAR[family])
    assert result["errno"] == "ECONNREFUSED"
    assert result["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("UDP cannot pass the HTTP proxy; refused")


def test_proxy_from_environment(lab, server, start_tunnel):
    del server
    squid = upstreams.Squid(lab)
    variables = f"https_proxy=http://127.0.0.1:{upstreams.SQUID_PORT} NO_PROXY={topology.FAR_OTHER[4]}"
    start_tunnel(proxy_prefix=f"export {variables};", proxy_args="--proxy-from-env")
    assert_echo(lab, topology.FAR_OTHER[4])
    assert "CONNECT" not in squid.log()
    assert_echo(lab)
    netlab.wait_until(lambda: "CONNECT" in squid.log(), what="a CONNECT in squid's log")


def test_credentials_are_not_in_the_process_list(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, upstreams.squid_basic(lab))
    tunnel = start_tunnel(proxy_args=f"-v {SQUID_WITH_PASSWORD}")
    assert_echo(lab)
    with open(f"/proc/{tunnel.proxy_pid}/cmdline", "rb") as file:
        line = file.read().decode()
    assert "--http-proxy" in line and "@127.0.0.1" in line
    for secret in (upstreams.USER, "se@same", "se%40same"):
        assert secret not in line and secret not in tunnel.log()


def test_proxy_that_dies_and_returns(lab, server, start_tunnel):
    del server
    squid = upstreams.Squid(lab)
    tunnel = start_tunnel(proxy_args=SQUID)
    assert_echo(lab)
    squid.process.kill()
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log("HTTP proxy http://127.0.0.1:3128 cannot be reached: Connection refused")
    upstreams.Squid(lab)
    assert_echo(lab)
    tunnel.wait_for_log("is back")


def test_no_descriptor_is_left_by_refusals(lab, start_tunnel):
    upstreams.Squid(lab, "http_access deny all\n")
    tunnel = start_tunnel(proxy_args=SQUID)
    descriptors = f"/proc/{tunnel.proxy_pid}/fd"
    lab.expect(lab.client, ENDED)
    before = len(os.listdir(descriptors))
    for _ in range(200):
        with contextlib.suppress(OSError), lab.client.connect(topology.FAR[4], topology.SERVER_PORT) as flow:
            flow.recv(1)
    netlab.wait_until(lambda: len(os.listdir(descriptors)) <= before, what="all descriptors closed")


def test_time_limit_covers_a_silent_destination(lab, start_tunnel):
    upstreams.Squid(lab)
    tunnel = start_tunnel(proxy_args=f"{SQUID} --connect-timeout 1")
    lab.expect(lab.client, ENDED, to=topology.SILENT_HOST[4])
    tunnel.wait_for_log("within the time limit")
