"""`tfunnel up` takes all of the machine's traffic, lets nothing out when it breaks, and `tfunnel down` leaves no trace.

Leaks are counted behind the client's network card.
"""

import os
import signal
import socket

import netlab
import pytest
import system_rules
import topology
from system_rules import FAMILIES, OUTSIDE, leaked, state
from traffic_talk import receive_exactly
from ups import PORT, carried, hammering, try_to_get_out

SYSTEM_LAB = True
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def flush(lab):
    lab.client.run(["nft", "flush", "table", "inet", "tfunnel_up"])


def remove_table(lab):
    lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"])


def remove_rules(lab):
    """As systemd-networkd does with the rules of others."""
    for family in ("-4", "-6"):
        for rule in lab.client.json(["ip", "-j", family, "rule"]):
            if rule.get("protocol") == "116":
                lab.client.run(["ip", family, "rule", "del", "priority", str(rule["priority"])])


def remove_routes(lab):
    for family in ("-4", "-6"):
        lab.client.run(["ip", family, "route", "flush", "table", "all", "proto", "116"])


def in_any_order(lab):
    """The same as state(): a table that was made anew stands behind the others."""
    return {command: sorted(text.splitlines()) for command, text in state(lab.client).items()}


@PER_FAMILY
def test_all_goes_through_the_tunnel_and_down_leaves_no_trace(lab, up, family):
    running = up.start()
    carried(lab, family)
    assert leaked(lab) == 0
    up.run("down")
    assert running.wait() == 0
    up.assert_nothing_left()


def test_a_signal_ends_it_and_leaves_no_trace(lab, up):
    running = up.start()
    running.signal(signal.SIGINT)
    assert running.wait() == 0
    up.assert_nothing_left()


def test_nothing_leaves_when_all_is_killed_and_what_is_sent_is_refused_at_once(lab, up):
    running = up.start()
    with hammering(lab):
        running.signal(signal.SIGKILL)
    assert all(try_to_get_out(lab, family) for family in FAMILIES)
    assert leaked(lab) == 0


@pytest.mark.parametrize("break_it", [flush, remove_table, remove_rules, remove_routes])
def test_what_somebody_removes_comes_back_and_nothing_leaves(lab, up, break_it):
    up.start()
    whole = in_any_order(lab)
    with hammering(lab):
        break_it(lab)
        netlab.wait_until(lambda: in_any_order(lab) == whole, what="all that was removed")
    assert leaked(lab) == 0
    for family in FAMILIES:
        carried(lab, family)


def test_nothing_leaves_while_addresses_come_and_go(lab, up):
    up.start()
    with hammering(lab):
        lab.client.ip("addr add 192.0.2.199/32 dev lo", "addr del 192.0.2.199/32 dev lo")
        lab.client.ip("link set lan0 down", "link set lan0 up")
        lab.client.ip("addr add 10.77.0.1/24 dev lan0")
        netlab.wait_until(
            lambda: "10.77.0.0/24" in lab.client.run(["nft", "list", "set", "inet", "tfunnel_up", "own4"]).stdout,
            what="the new network among our own",
        )
        lab.client.ip("addr del 10.77.0.1/24 dev lan0")
    assert leaked(lab) == 0
    # The card's IPv6 addresses went with it.
    up.before = None
    up.run("down")
    up.before = state(lab.client)


def test_without_a_kill_switch_death_opens_the_way(lab, up):
    running = up.start("--kill-switch", "off")
    carried(lab, 4)
    assert leaked(lab) == 0
    running.signal(signal.SIGKILL)

    def is_out():
        try_to_get_out(lab, 4)
        return leaked(lab) > 0

    netlab.wait_until(is_out, what="a packet past the tunnel")


def test_without_a_kill_switch_it_says_that_all_goes_out_and_not_that_it_is_refused(lab, up):
    """Also when the time is over for which connections would wait; and nothing of it at a clean end."""
    switch = os.path.join(lab.directory, "closed")
    options = ["--kill-switch", "off", "--link-wait", "0.1"]
    running = up.start(*options, via=f"test ! -e {switch} || exit 3; exec far tfunnel", quiet=False)
    with open(switch, "w", encoding="ascii"):
        pass
    for pid in lab.far.find(topology.tfunnel_proxy()):
        os.kill(pid, signal.SIGKILL)
    running.wait_for_log("all goes out directly until there is a link again")
    netlab.wait_until(lambda: running.log().count("status 3") >= 3, 30, "attempts that took longer than that")
    assert "refused" not in running.log()
    up.run("down")
    second = up.start(*options, quiet=False)
    second.signal(signal.SIGTERM)
    assert second.wait() == 0
    assert "directly" not in second.log(), second.log()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_nameserver_of_this_machine_is_refused_in_one_line(up, family):
    """The far end asks it: a question would come back here for ever, or to nobody."""
    for address in ({4: "127.0.0.1", 6: "::1"}[family], topology.CLIENT_WAN[family]):
        refused = up.run("up", "--via", "far tfunnel", "--dns", address, check=False)
        assert refused.returncode == 64 and refused.stderr.count("\n") == 1 and address in refused.stderr, refused.stderr
    up.assert_nothing_left()


def test_a_persistent_kill_switch_outlives_a_clean_end(lab, up):
    running = up.start("--kill-switch", "persist")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert all(try_to_get_out(lab, family) for family in FAMILIES)
    assert leaked(lab) == 0


def test_who_ends_and_leaves_the_way_closed_brings_back_what_was_removed_just_now(lab, up):
    """Nobody is there any more who would, and what belongs to the process goes with it."""
    running = up.start("--kill-switch", "persist")
    with hammering(lab):
        flush_and_end = f"nft flush ruleset; kill -TERM {running.pid}"
        lab.client.run(["sh", "-c", flush_and_end])
        running.wait()
    assert all(try_to_get_out(lab, family) for family in FAMILIES)
    assert leaked(lab) == 0
    up.run("down")
    up.before = state(lab.client)


STAY = "the rules stay: what would go through the tunnel is refused until tfunnel down, or up again"


def test_who_leaves_the_way_closed_says_so_and_down_says_what_it_did(lab, up):
    """Also if the rules are another one's: killed, or ended by the one that takes over and then has no link."""
    nothing = up.run("down")
    assert nothing.stderr.count("\n") == 1 and "no tfunnel up runs" in nothing.stderr
    running = up.start("--kill-switch", "persist")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0 and STAY in running.log()
    down = up.run("down")
    assert down.stderr.count("\n") == 1 and "what was left is removed" in down.stderr
    up.start().signal(signal.SIGKILL)
    for switch in ("on", "off"):
        failed = up.run("up", "--via", "exit 255", "--kill-switch", switch, check=False)
        assert failed.returncode == 69 and STAY in failed.stderr
    running = up.start()
    failed = up.run("up", "--via", "exit 255", "--replace", check=False)
    assert failed.returncode == 69 and STAY in failed.stderr
    assert running.wait() == 0 and STAY not in running.log(), "another one has taken over"
    up.run("down")
    failed = up.run("up", "--via", "exit 255", check=False)
    assert failed.returncode == 69 and STAY not in failed.stderr
    running = up.start()
    ended = up.run("down")
    assert running.wait() == 0 and "has left nothing" in ended.stderr


def test_before_the_first_link_nobody_is_told_that_connections_are_refused(lab, up):
    """The rules come with the link; but those of a killed one are there."""
    words = [up.program, "up", "--via", "exit 255", "--keep-trying"]

    def told(how):
        running = lab.client.start(words, name=how.split()[0], env=up.environment)
        running.wait_for_log(f"there is no link yet: {how} until there is one")
        running.signal(signal.SIGTERM)
        running.wait()
        assert "new connections are refused" not in running.log()

    told("all goes out directly")
    up.assert_nothing_left()
    up.start().signal(signal.SIGKILL)
    told("what would go through the tunnel is refused")


def test_it_takes_over_what_a_killed_one_left(lab, up):
    up.start().signal(signal.SIGKILL)
    with hammering(lab):
        up.start()
    for family in FAMILIES:
        carried(lab, family)
    assert leaked(lab) == 0


def test_its_own_routes_are_no_change_of_the_network(lab, up):
    """Else each new link would have to answer at once, or be given up."""
    running = up.start("--log-level", "debug", quiet=False)
    netlab.wait_until(lambda: "the tunnel's routes changed" in running.log(), what="that they are noticed")
    lab.client.ip("address add 192.0.2.200/32 dev lo")
    netlab.wait_until(lambda: "the network changed" in running.log(), what="that a change is noticed")
    lab.client.ip("address delete 192.0.2.200/32 dev lo")
    log = running.log()
    assert log.index("the tunnel's routes changed") < log.index("the network changed"), log


def test_a_second_one_is_refused_and_told_who_runs(up):
    running = up.start()
    second = up.run("up", "--via", "far tfunnel", check=False)
    assert second.returncode == 71
    assert f"process {running.pid}" in second.stderr
    assert running.running()


def instance_names(lab):
    """The abstract sockets by which one is known to be there."""
    with lab.client.enter(), open("/proc/thread-self/net/unix", encoding="ascii") as file:
        return [line.split()[-1].replace("@", "\0", 1) for line in file if "@tfunnel-up-" in line]


def test_one_is_seen_however_many_have_asked_for_it(lab, up):
    """Whoever asks connects, and the kernel keeps that until it is accepted."""
    running = up.start()
    (name,) = instance_names(lab)

    def ask():
        with lab.client.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            return caller.connect_ex(name) == 0  # else the queue is full

    for _ in range(socket.SOMAXCONN + 100):
        netlab.wait_until(ask, what="a place in the queue")
    second = up.run("up", "--via", "far tfunnel", check=False)
    assert second.returncode == 71 and f"process {running.pid}" in second.stderr, second


def test_a_dry_run_tells_all_and_changes_nothing(lab, up):
    told = up.run("up", "--via", "far tfunnel", "--dry-run").stdout
    up.assert_nothing_left()
    lines = told.splitlines()
    rules = "\n".join(line for line in lines if not line.startswith("ip "))
    lab.client.run(["nft", "-c", "-f", "-"], input=rules)
    up.start()
    whole = state(lab.client)
    up.run("down")
    for line in lines:
        if line.startswith("ip "):
            lab.client.run(line.split())
    routing = [command for command in whole if command.startswith("ip ") and not command.startswith("ipset")]
    assert {command: state(lab.client)[command] for command in routing} == {
        command: whole[command] for command in routing
    }


def test_a_failed_link_changes_nothing(lab, up):
    failed = up.run("up", "--via", "exit 3", check=False)
    assert failed.returncode != 0
    up.assert_nothing_left()


def test_a_program_that_answers_from_here_is_still_reached(lab, up):
    """Replies to those who connect from outside are not captured."""
    with lab.client.socket(socket.AF_INET, socket.SOCK_STREAM, ("", PORT)) as listener:
        listener.listen()
        up.start()
        with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, (OUTSIDE[4], 0)) as stranger:
            stranger.connect((system_rules.CLIENT_MGMT[4], PORT))
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"answer")
                assert receive_exactly(stranger, 6) == b"answer"
