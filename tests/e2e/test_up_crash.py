"""Whatever ends `tfunnel up` or `tfunnel down`, and wherever: nothing gets out, and `down` finds all that is left."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import isolation
import netlab
import pytest
import topology
from system_rules import FAMILIES, leaked, state
from ups import answers, carried, hammering, inside, try_to_get_out

SYSTEM_LAB = True
# All system calls by which these programs change the kernel's rules and routing, a control group, or anything else that
# is not the process's own. strace counts each of them by itself.
UP_CALLS = ["sendto", "sendmsg", "setsockopt", "mkdir", "write", "clone"]
DOWN_CALLS = ["sendto", "sendmsg", "setsockopt", "rmdir"]
MOST_CALLS = 120


def killed_at(number, call, *command, paths=()):
    """The command, killed on the way into this system call for the time number `number`, counting those about the paths
    if there are any. What it starts is left alone."""
    about = [word for path in paths for word in ("-P", path)]
    return ["strace", "-qq", "-o", "/dev/null", *about, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
            *command]  # fmt: skip


@pytest.fixture(name="strace", autouse=True)
def _strace(lab):
    if lab.client.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode != 0:
        pytest.skip("no process may be traced here")


def up_until_killed(lab, up, number, call, before=(), paths=()):
    """False: it stands, and was not killed on the way."""
    command = [*before, *killed_at(number, call, up.program, paths=paths), "up", "--via", "far tfunnel", "--quiet"]
    started = lab.client.start(command, name="up", env=up.environment)
    netlab.wait_until(lambda: not started.running() or up.stands(), what="rules, or the end")
    was_killed = not started.running()
    started.kill()
    netlab.wait_until(lambda: not lab.client.find(up.program), what="the end of its processes")
    return was_killed


@pytest.mark.parametrize("call", UP_CALLS)
def test_down_brings_back_everything_wherever_up_was_killed(lab, up, call):
    for number in range(1, MOST_CALLS):
        was_killed = up_until_killed(lab, up, number, call)
        up.run("down")
        up.assert_nothing_left()
        if not was_killed:
            break
    assert 1 < number < MOST_CALLS - 1, f"{number} calls"


@pytest.mark.parametrize("call", DOWN_CALLS)
def test_down_brings_back_everything_wherever_another_down_was_killed(lab, up, call):
    for number in range(1, MOST_CALLS):
        up.start().signal(signal.SIGKILL)
        done = lab.client.run([*killed_at(number, call, up.program), "down"], check=False, env=up.environment)
        assert leaked(lab) == 0
        if done.returncode == 0:
            break
        up.run("down")
        up.assert_nothing_left()
    up.assert_nothing_left()
    assert 1 < number < MOST_CALLS - 1, f"{number} calls"


@pytest.mark.parametrize("call", ["mkdir", "openat", "write"])
def test_down_removes_the_links_control_group_wherever_up_was_killed(lab, up, control_group, call):
    """It is made below the one that up was started in."""
    own = os.path.join(control_group, "tfunnel-up")
    paths = [own, *(os.path.join(group, "cgroup.procs") for group in (own, control_group))]
    for number in range(1, MOST_CALLS):
        was_killed = up_until_killed(lab, up, number, call, inside(control_group), paths)
        netlab.wait_until(lambda: not lab.far.find(topology.tfunnel_proxy()), what="the end of the far end")
        lab.client.run([*inside(control_group), up.program, "down"], env=up.environment)
        assert not os.path.exists(own), number
        up.assert_nothing_left()
        if not was_killed:
            break
    assert 1 < number < MOST_CALLS - 1, f"{number} calls"


def test_several_downs_at_once_end_up_and_not_each_other(lab, up):
    running = up.start()
    words = [up.program, "down"]
    downs = [lab.client.start(words, name=f"down{number}", env=up.environment) for number in range(8)]
    assert running.wait() == 0
    for down in downs:
        assert down.wait() == 0, down.log()
    up.assert_nothing_left()


def test_nothing_leaves_while_another_one_takes_over(lab, up):
    first = up.start()
    with hammering(lab):
        second = up.start("--replace")
        assert first.wait() == 0
        netlab.wait_until(lambda: answers(lab), 30, "an answer through the second one")
    assert second.running()
    for family in FAMILIES:
        carried(lab, family)
    assert leaked(lab) == 0


def test_the_one_that_takes_over_closes_the_way_that_the_first_would_open(lab, up):
    """Rules that go with their process are made anew as such that stay."""
    first = up.start("--kill-switch", "off")
    with hammering(lab):
        up.start("--replace")
        assert first.wait() == 0
        netlab.wait_until(lambda: answers(lab), 30, "an answer through the second one")
    carried(lab, 4)
    assert leaked(lab) == 0


def test_of_some_that_take_over_at_the_same_moment_one_goes_on(lab, up):
    """The others say so, or end as asked; no signal kills them."""
    first = up.start()
    words = [up.program, "up", "--via", "far tfunnel", "--allow-icmp", "--replace"]
    others = [lab.client.start(words, name=f"up{i}", env=up.environment) for i in range(4)]
    netlab.wait_until(lambda: sum(one.running() for one in others) <= 1, 60, "one that is left")
    assert first.wait() == 0
    left = [one for one in others if one.running()]
    assert len(left) == 1, [(one.wait(), one.log()) for one in others]
    for one in others:
        if one is not left[0]:
            status = one.wait()
            assert status == 0 or (status == 71 and "takes over" in one.log()), (status, one.log())
    netlab.wait_until(lambda: answers(lab), 30, "an answer through it")
    assert leaked(lab) == 0


def test_nothing_leaves_while_the_link_cannot_come_back(lab, up):
    switch = os.path.join(lab.directory, "closed")
    up.start(via=f"test ! -e {switch} || exit 3; exec far tfunnel")
    with open(switch, "w", encoding="ascii"):
        pass
    with hammering(lab):
        for pid in lab.far.find(topology.tfunnel_proxy()):
            os.kill(pid, signal.SIGKILL)
        netlab.wait_until(lambda: not lab.far.find(topology.tfunnel_proxy()), what="the end of the far end")
        assert all(try_to_get_out(lab, family) for family in FAMILIES)
    assert leaked(lab) == 0


SQUATTER = """
import os, socket, sys
names = ["tfunnel-up", "tfunnel-up-1"]
made = []
for name in names:
    one = socket.socket(socket.AF_UNIX)
    one.bind(chr(0) + name)
    one.listen()
    made.append(one)
if sys.argv[1] == "namespace":
    import ctypes
    ctypes.CDLL(None).unshare(0x10000000)
print("ready", flush=True)
while True:
    made[-1].accept()
"""


@pytest.mark.parametrize("how", ["plain", "namespace"])
def test_somebody_who_may_change_no_rules_is_not_taken_for_another_one(lab, up, runs_user, how):
    """Also not if he has all capabilities in a user namespace of his own."""
    squatter = lab.client.start([*runs_user, sys.executable, "-c", SQUATTER, how], name="squatter")
    squatter.wait_for_log("ready")
    running = up.start()
    refused = up.run("up", "--via", "far tfunnel", check=False)
    assert refused.returncode == 71 and f"process {running.pid}" in refused.stderr
    up.run("down")
    assert running.wait() == 0
    assert squatter.running(), "down has ended somebody else's process"


@pytest.fixture(name="runs_user")
def _runs_user():
    words = ["setpriv", f"--reuid={isolation.USER_ID}", f"--regid={isolation.USER_ID}", "--clear-groups"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no other user here")
    return words


def test_an_ordinary_user_with_file_capabilities_needs_no_root(lab, up, runs_user):
    folder = os.path.join(isolation.STATE, "capable")
    os.makedirs(folder, exist_ok=True)
    up.program = os.path.join(folder, "tfunnel")
    shutil.copy(topology.tfunnel(), up.program)
    grant = ["setcap", "cap_net_admin,cap_net_raw,cap_net_bind_service=ep", up.program]
    if subprocess.run(grant, capture_output=True, check=False).returncode != 0:
        pytest.skip("this file system has no capabilities")
    link = os.path.join(isolation.STATE, "capable", "link")
    listener = lab.far.start(
        ["socat", f"UNIX-LISTEN:{link},fork,mode=777", f"EXEC:{topology.tfunnel_proxy()} proxy"], name="socat"
    )
    netlab.wait_until(lambda: os.path.exists(link), what="the far end's socket")
    running = up.start(via=f"exec socat - UNIX-CONNECT:{link}", before=runs_user)
    for family in FAMILIES:
        carried(lab, family)
    assert leaked(lab) == 0
    done = lab.client.run([*runs_user, up.program, "down"], check=False, env=up.environment)
    assert done.returncode == 0, done.stderr
    assert running.wait() == 0
    up.assert_nothing_left()
    assert state(lab.client) == up.before
    listener.terminate()


def test_a_user_without_capabilities_is_told_which_ones(lab, up, runs_user):
    folder = os.path.join(isolation.STATE, "incapable")
    os.makedirs(folder, exist_ok=True)
    plain = os.path.join(folder, "tfunnel")
    shutil.copy(topology.tfunnel(), plain)
    for words in (["up", "--via", "true"], ["down"]):
        done = lab.client.run([*runs_user, plain, *words], check=False, env=up.environment)
        assert done.returncode == 77 and "cap_net_admin" in done.stderr, (words, done)
        assert done.stderr.startswith("tfunnel: ") and done.stderr.count("\n") == 2, (words, done)


# --- all at once ---------------------------------------------------------------------------------------------


def test_nothing_leaves_under_fire(lab, up):
    """The link is cut, it is killed, another one takes over, rules and routes go, the table is flushed, cards go down and up."""
    switch = os.path.join(lab.directory, "closed")
    via = f"test ! -e {switch} || exit 3; exec far tfunnel"
    running = [up.start(via=via)]
    family_options = ("-4", "-6")

    def cut():
        with open(switch, "w", encoding="ascii"):
            pass
        for pid in lab.far.find(topology.tfunnel_proxy()):
            os.kill(pid, signal.SIGKILL)
        for family in FAMILIES:
            assert try_to_get_out(lab, family)
        os.remove(switch)

    def lose_rules():
        for family in family_options:
            lab.client.run(["ip", family, "rule", "flush"], check=False)
            for table, priority in (("main", 32766), ("default", 32767)):
                lab.client.run(["ip", family, "rule", "add", "lookup", table, "priority", str(priority)], check=False)

    def lose_routes():
        for family in family_options:
            lab.client.run(["ip", family, "route", "flush", "table", "all", "proto", "116"])

    def flush_all():
        lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"], check=False)  # it may not be back yet

    def flush_everything():
        """What a firewall does that is made anew; what belongs to a process cannot be removed."""
        lab.client.run(["nft", "flush", "ruleset"])

    def bounce():
        lab.client.ip("link set lan0 down", "link set lan0 up")
        lab.client.ip("addr add 10.99.0.1/24 dev lan0", "addr del 10.99.0.1/24 dev lan0")

    def bounce_the_way_out():
        """The card through which all would leak, with its routes and addresses."""
        mac = lab.void.json(["ip", "-j", "link", "show", "wan0"])[0]["address"]
        lab.client.ip(
            "link set wan0 down",
            "link set wan0 up",
            f"addr replace {topology.CLIENT_WAN[6]}/64 dev wan0 nodad",
            f"neigh replace 192.0.2.129 lladdr {mac} nud permanent dev wan0",
            f"neigh replace 2001:db8:2::1 lladdr {mac} nud permanent dev wan0",
            "route replace default via 192.0.2.129",
            "-6 route replace default via 2001:db8:2::1",
        )

    def all_stands():
        """What was removed is back: a dead one brings nothing back."""
        routing = [f"ip {family} {what}".split() for family in family_options for what in ("rule", "route show table all")]
        return up.stands_whole() and all("proto 116" in lab.client.run(words).stdout for words in routing)

    def kill_it():
        netlab.wait_until(all_stands, what="all that was removed")
        running[-1].signal(signal.SIGKILL)
        for family in FAMILIES:
            assert try_to_get_out(lab, family)
        running[-1].wait()
        running.append(up.start(via=via))

    def replace_it():
        running.append(up.start("--replace", via=via))
        running[-2].wait()  # 75 if what nobody took was cut off
        netlab.wait_until(up.stands, 40, "what the second one has made")

    with hammering(lab):
        for strike in (
            cut, lose_rules, lose_routes, flush_all, bounce, bounce_the_way_out, kill_it, cut, flush_everything,
            replace_it, flush_all, lose_rules, kill_it, bounce_the_way_out, replace_it, flush_everything,
        ):  # fmt: skip
            strike()
    assert leaked(lab) == 0
    netlab.wait_until(lambda: lab.far.find(topology.tfunnel_proxy()) and up.stands(), 40, "a link that is up again")
    # The kernel's own rules are written otherwise, and a card's IPv6 addresses went with it.
    up.run("down")
    up.before = state(lab.client)


def test_without_a_kill_switch_the_way_is_open_while_the_link_is_down(lab, up):
    switch = os.path.join(lab.directory, "closed")
    up.start("--kill-switch", "off", via=f"test ! -e {switch} || exit 3; exec far tfunnel")
    carried(lab, 4)
    with open(switch, "w", encoding="ascii"):
        pass
    for pid in lab.far.find(topology.tfunnel_proxy()):
        os.kill(pid, signal.SIGKILL)

    def is_out():
        try_to_get_out(lab, 4)
        return leaked(lab) > 0

    netlab.wait_until(is_out, what="a packet past the tunnel")
    os.remove(switch)

    def is_in():
        with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, (topology.FAR[4], 7105)) as listener:
            listener.listen()
            try:
                with lab.client.connect(topology.FAR[4], 7105, timeout=netlab.patient(0.2)):
                    return True
            except OSError:
                return False

    netlab.wait_until(is_in, 40, "a connection through the tunnel again")
