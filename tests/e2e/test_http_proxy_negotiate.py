"""Negotiate (Kerberos) and NTLM to a real squid, with a real KDC and the system's GSSAPI library."""

import re
import signal

import kerberos
import netlab
import pytest
import topology
import upstreams

PROXY = f"--http-proxy http://localhost:{upstreams.SQUID_PORT}"
WITH_PASSWORD = f"--http-proxy 'http://{upstreams.URL_CREDENTIALS}@localhost:{upstreams.SQUID_PORT}'"
ENDED = "reset,refused,unreachable"


@pytest.fixture
def realm(lab):
    return kerberos.Realm(lab)


def assert_echo(lab, address=topology.FAR[4]):
    lab.expect(lab.client, "reply", "--behaviour", "echo", "--send", 10, to=address)


def test_ticket_opens_the_way_and_is_shown_at_once_by_later_flows(lab, server, start_tunnel, realm):
    del server
    realm.kinit()
    squid = upstreams.Squid(lab, realm.squid_rules())
    start_tunnel(proxy_args=PROXY, proxy_prefix=realm.shell())
    assert_echo(lab)
    lab.traffic(lab.client, "short", "--count", 60, "--parallel", 8)
    log = squid.log()
    assert re.search(rf"TCP_TUNNEL/200 .* {kerberos.USER} ", log)
    assert log.count("TCP_DENIED/407") == 1


def test_missing_ticket_is_told_and_one_that_comes_later_serves(lab, server, start_tunnel, realm):
    del server
    upstreams.Squid(lab, realm.squid_rules())
    tunnel = start_tunnel(proxy_args=PROXY, proxy_prefix=realm.shell())
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(
        r"wants authentication \(407, offers Negotiate\); Negotiate: there is no Kerberos ticket \(.*\): run kinit")
    realm.kinit()
    assert_echo(lab)


def test_without_a_ticket_basic_serves(lab, server, start_tunnel, realm):
    del server
    squid = upstreams.Squid(lab, realm.squid_rules() + upstreams.squid_basic(lab))
    start_tunnel(proxy_args=WITH_PASSWORD, proxy_prefix=realm.shell())
    lab.traffic(lab.client, "short", "--count", 10, "--parallel", 2)
    assert re.search(rf"TCP_TUNNEL/200 .* {upstreams.USER} ", squid.log())


def test_ticket_that_the_proxy_cannot_read_gives_way_to_basic(lab, server, start_tunnel, realm):
    """The keys changed behind squid's back: its keytab is older than the ticket."""
    del server
    realm.change_keys()
    realm.kinit()
    squid = upstreams.Squid(lab, realm.squid_rules() + upstreams.squid_basic(lab))
    start_tunnel(proxy_args=WITH_PASSWORD, proxy_prefix=realm.shell())
    lab.traffic(lab.client, "short", "--count", 10, "--parallel", 2)
    assert "TCP_TUNNEL/200" in squid.log()


def test_refused_ticket_is_told(lab, server, start_tunnel, realm):
    del server
    realm.change_keys()
    realm.kinit()
    upstreams.Squid(lab, realm.squid_rules())
    tunnel = start_tunnel(proxy_args=PROXY, proxy_prefix=realm.shell())
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"refused the credentials \(407\); it offers Negotiate")


def test_proxy_whose_name_the_realm_does_not_know_is_told(lab, server, start_tunnel, realm):
    del server
    realm.kinit()
    upstreams.Squid(lab, realm.squid_rules())
    by_address = f"--http-proxy http://127.0.0.1:{upstreams.SQUID_PORT}"
    tunnel = start_tunnel(proxy_args=by_address, proxy_prefix=realm.shell())
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"Negotiate: no token for HTTP@127\.0\.0\.1 \(.+\)")


def test_silent_kdc_holds_up_no_other_flow(lab, server, start_tunnel, realm):
    del server
    realm.kinit()
    upstreams.Squid(lab, realm.squid_rules())
    direct = topology.FAR_OTHER[4]
    tunnel = start_tunnel(proxy_args=f"{PROXY} --no-proxy {direct}", proxy_prefix=realm.shell())
    realm.kdc.signal(signal.SIGSTOP)
    try:
        with lab.client.connect(topology.FAR[4], topology.SERVER_PORT):
            # The KDC's queue shows that it was asked.
            netlab.wait_until(realm.question_waits, what="a question to the KDC")
            assert_echo(lab, direct)
            assert "Negotiate" not in tunnel.log(), "the KDC was waited for first"
    finally:
        realm.kdc.signal(signal.SIGCONT)
    assert_echo(lab)


@pytest.mark.parametrize("user", [upstreams.USER, f"CORP%5C{upstreams.USER}"])
def test_ntlm_in_three_legs(lab, server, start_tunnel, user):
    """Kerberos has no part in it."""
    del server
    squid = upstreams.Squid(lab, upstreams.squid_ntlm(lab, domain="CORP"))
    start_tunnel(proxy_args=WITH_PASSWORD.replace(upstreams.USER, user, 1))
    lab.traffic(lab.client, "short", "--count", 20, "--parallel", 4)
    assert re.search(rf"(?i)TCP_TUNNEL/200 .*{upstreams.USER}", squid.log())


def test_ntlm_with_a_wrong_password_is_told(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, upstreams.squid_ntlm(lab))
    tunnel = start_tunnel(proxy_args=f"--http-proxy http://{upstreams.USER}:guess@localhost:{upstreams.SQUID_PORT}")
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"refused the credentials \(407\): check --proxy-user and the password; it offers NTLM")
    assert "guess" not in tunnel.log()


def test_ntlm_without_a_password_is_told(lab, server, start_tunnel):
    del server
    upstreams.Squid(lab, upstreams.squid_ntlm(lab))
    tunnel = start_tunnel(proxy_args=PROXY)
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(r"offers NTLM\); NTLM: there are no credentials \(.*\): give --proxy-user")
