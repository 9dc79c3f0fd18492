"""`tfunnel up` for some users, groups, control groups or network cards: the rest is left as it was."""

import os
import signal
import socket
import subprocess
import sys

import isolation
import netlab
import pytest
import topology
from system_rules import CLIENT_MGMT, FAMILIES, OUTSIDE, leaked
from test_dns import NAME, NAMESERVER, start_dnsmasq
from ups import PORT, carried, connects, inside, is_answered, removed

SYSTEM_LAB = True
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)
AS_USER = ["setpriv", f"--reuid={isolation.USER_ID}", "--clear-groups"]
AS_GROUP = ["setpriv", f"--regid={isolation.USER_ID}", "--clear-groups"]

PROGRAM = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as stream:
    print(stream.recv(6).decode())
"""


@pytest.fixture(name="others", autouse=True)
def _others():
    if subprocess.run([*AS_USER, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no other user here")


def seen(lab, address, before=()):
    """A program, run by the command `before`, is served at this address; returns whom the server saw."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with lab.far.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORT))
        listener.listen()
        program = lab.client.start([*before, sys.executable, "-c", PROGRAM, address, str(PORT)], name="program")
        accepted, peer = listener.accept()
        with accepted:
            accepted.sendall(b"answer")
        assert program.wait() == 0, program.log()
        return peer[0]


def is_captured(lab, family, before=()):
    return seen(lab, OUTSIDE[family], before) != CLIENT_MGMT[family]


@PER_FAMILY
@pytest.mark.parametrize("words, before", [
    (["--uid", str(isolation.USER_ID)], AS_USER),
    (["--uid", f"{isolation.USER_ID}-{isolation.USER_ID + 10}"], AS_USER),
    (["--uid", isolation.USER], AS_USER),
    (["--gid", str(isolation.USER_ID)], AS_GROUP),
], ids=["number", "range", "name", "group"])  # fmt: skip
def test_only_the_programs_of_a_user_or_group_go_in(lab, up, words, before, family):
    up.start(*words)
    assert is_captured(lab, family, before)
    assert not is_captured(lab, family)
    assert leaked(lab) == 0


def test_who_is_named_in_one_of_several_ways_goes_in_and_only_to_what_is_included(lab, up):
    up.start("--uid", str(isolation.USER_ID), "--gid", str(isolation.USER_ID), "--include", OUTSIDE[4])
    assert is_captured(lab, 4, AS_USER)
    assert is_captured(lab, 4, AS_GROUP)
    assert not is_captured(lab, 4)
    assert not is_captured(lab, 6, AS_USER)


def short(lab, server, before=()):
    words = [*before, "dig", f"@{server}", "+short", "+time=20", "+tries=1", NAME]
    return lab.client.run(words, check=False).stdout.split()


def test_others_ask_their_own_nameserver(lab, up):
    """And are let ping, which is refused to those whose traffic is captured."""
    start_dnsmasq(lab, NAMESERVER[4])
    start_dnsmasq(lab, OUTSIDE[4], "outside", answer=OUTSIDE)
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER[4]}\n"):
        up.start("--uid", str(isolation.USER_ID))
        assert short(lab, OUTSIDE[4], AS_USER) == [topology.FAR[4]], "the far resolver's answer"
        assert short(lab, OUTSIDE[4]) == [OUTSIDE[4]], "the nameserver's own"
    assert leaked(lab) == 0


ECHO = """
import socket, sys
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
echo.settimeout(30)
echo.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 1]), (sys.argv[1], 0))
echo.recv(100)
"""


def test_ping_is_refused_to_those_only_who_are_selected(lab, up):
    lab.client.sysctl("net.ipv4.ping_group_range", "0 2000")

    def pings(before):
        done = lab.client.run([*before, sys.executable, "-c", ECHO, OUTSIDE[4]], check=False, timeout=100)
        return done.returncode == 0

    up.start("--uid", str(isolation.USER_ID), icmp=False)
    assert pings(())
    assert not pings(AS_USER)
    up.run("down")
    up.start("--include", topology.FAR[4], icmp=False)
    assert pings(AS_USER), "what is not included is left alone"


def test_the_kill_switch_holds_those_only_who_are_selected(lab, up):
    running = up.start("--uid", str(isolation.USER_ID))
    running.signal(signal.SIGKILL)
    assert not is_captured(lab, 4)
    for family in FAMILIES:
        words = [*AS_USER, sys.executable, "-c", PROGRAM, topology.FAR[family], str(PORT)]
        refused = lab.client.run(words, check=False)
        assert "ConnectionRefusedError" in refused.stderr
    assert leaked(lab) == 0


# --- control groups --------------------------------------------------------------------------------------


def test_only_the_programs_of_a_control_group_go_in(lab, up, control_group):
    """Also those of groups below it, and those of one that is made anew, as that of a service that starts again."""
    path = "/" + os.path.basename(control_group)
    up.start("--cgroup", path)
    assert is_captured(lab, 4, inside(control_group))
    assert is_captured(lab, 6, inside(os.path.join(control_group, "inner")))
    assert not is_captured(lab, 4)
    for directory in (os.path.join(control_group, "inner"), control_group):
        netlab.wait_until(lambda path=directory: removed(path), what="an empty control group")
    lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"])
    netlab.wait_until(up.stands_whole, what="rules without the group")
    assert not is_captured(lab, 4)
    os.mkdir(control_group)
    netlab.wait_until(lambda: is_captured(lab, 4, inside(control_group)), what="a new group among the captured")
    assert leaked(lab) == 0


def test_a_path_with_the_mount_point_is_the_same(lab, up, control_group):
    up.start("--cgroup", control_group + "/inner/")
    assert is_captured(lab, 4, inside(os.path.join(control_group, "inner")))
    assert not is_captured(lab, 4, inside(control_group))


@pytest.mark.parametrize("words", [
    ["--cgroup", "/no-such.slice"], ["--uid", "no-such-user"], ["--gid", "no-such-group"], ["--uid", "7-3"],
    ["--interface", "a b"], ["--interface", "*"], ["--cgroup", "/"], ["--uid", ""],
])  # fmt: skip
def test_what_is_not_there_is_named_in_one_line(up, words):
    refused = up.run("up", "--via", "far tfunnel", *words, check=False)
    assert refused.returncode == 64 and refused.stderr.count("\n") == 1, refused.stderr
    assert not words[1] or words[1] in refused.stderr
    up.assert_nothing_left()


# --- network cards ---------------------------------------------------------------------------------------


@PER_FAMILY
def test_only_what_would_leave_by_a_card_goes_in(lab, up, family):
    up.start("--interface", "wan*")
    carried(lab, family)
    assert not is_captured(lab, family), "by mgmt0"
    assert leaked(lab) == 0


@PER_FAMILY
def test_of_what_is_forwarded_only_what_came_by_a_card_goes_in(lab, up, family):
    up.start("--forward", "--interface", "lan0")
    assert connects(lab, topology.FAR[family], lab.lan) == topology.FAR[family]
    assert is_answered(family, topology.FAR[family], lab.far, lab.lan)
    assert leaked(lab) == 0
    assert not is_captured(lab, family), "this machine's own"


def test_a_card_that_is_not_there_is_named(up):
    running = up.start("--interface", "nosuch0", quiet=False)
    assert "--interface nosuch0: there is none" in running.log()
