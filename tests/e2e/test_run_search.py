"""Short names inside `tfunnel run` are completed as on the far end's host."""

import isolation
import topology
from test_dns import NAME, NAMESERVER, start_dnsmasq

CAPTURES = False

SHORT, _, DOMAIN = NAME.partition(".")
SHOW = f"cat /etc/resolv.conf; getent ahostsv4 {SHORT} || echo not found"


def text(*lines):
    return "".join(line + "\n" for line in (f"nameserver {NAMESERVER[4]}", *lines))


def test_search_list_and_options_come_from_the_far_end(lab, runs):
    start_dnsmasq(lab, NAMESERVER[4])
    lines = [f"search {DOMAIN}. other.test", "options ndots:2 timeout:3 attempts:4 rotate"]
    with isolation.replaced("/etc/resolv.conf", text(*lines)):
        done = runs.run("sh", "-c", SHOW)
    assert f"search {DOMAIN} other.test\noptions ndots:2 timeout:3 attempts:4\n" in done.stdout, done.stdout
    assert topology.FAR[4] in done.stdout and NAME in done.stdout, done.stdout


def test_without_a_search_list_there_nothing_is_completed(lab, runs):
    """Not by this host's own domain either."""
    start_dnsmasq(lab, NAMESERVER[4])
    with isolation.replaced("/etc/resolv.conf", text("search .")):
        done = runs.run("sh", "-c", SHOW)
    assert "search .\n" in done.stdout and "not found" in done.stdout, done.stdout


def test_local_far_end_completes_as_this_host(runs):
    with isolation.replaced("/etc/resolv.conf", text("domain here.test")):
        done = runs.run("cat", "/etc/resolv.conf", via=False)
    assert "search here.test\n" in done.stdout, done.stdout
