"""`--kill-switch persist` holds over a restart of the machine: systemd's unit makes the rules before there is a network."""

import os
import shlex
import shutil
import signal
import subprocess

import netlab
import pytest
from system_rules import FAMILIES, leaked, state
from test_up_crash import MOST_CALLS, killed_at
from ups import carried, hammering, try_to_get_out

SYSTEM_LAB = True
UNITS = "/etc/systemd/system"
UNIT = f"{UNITS}/tfunnel-closed.service"
LINK = f"{UNITS}/sysinit.target.wants/tfunnel-closed.service"


def files():
    """All that is below the directory of units, and what is in it."""
    found = {}
    for directory, _, names in os.walk(UNITS):
        found[directory] = None
        for name in names:
            path = os.path.join(directory, name)
            found[path] = os.readlink(path) if os.path.islink(path) else open(path, "rb").read()
    return found


@pytest.fixture(name="systemd", autouse=True, params=["with", "without"])
def _systemd(request):
    """/run and /etc are the tests' own. With, or without other units that are wanted at the start."""
    os.makedirs("/run/systemd/system", exist_ok=True)
    kept = UNITS + ".kept"
    if os.path.exists(UNITS):
        os.rename(UNITS, kept)
    os.makedirs(os.path.dirname(LINK) if request.param == "with" else UNITS)
    yield
    shutil.rmtree(UNITS)
    if os.path.exists(kept):
        os.rename(kept, UNITS)


def persistent(up):
    started = up.start("--kill-switch", "persist")
    netlab.wait_until(lambda: os.path.islink(LINK), what="the unit")
    return started


def exec_start():
    with open(UNIT, encoding="ascii") as file:
        lines = [line for line in file if line.startswith("ExecStart=")]
    assert len(lines) == 1
    return shlex.split(lines[0].partition("=")[2].replace("%%", "%").replace("$$", "$"))


def test_after_a_restart_nothing_leaves_until_down_and_down_leaves_no_trace(lab, up):
    before = files()
    running = persistent(up)
    closed = exec_start()
    assert os.path.samefile(LINK, UNIT)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    # As if the machine had started anew: the kernel has forgotten all.
    lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"])
    for family in ("-4", "-6"):
        for rule in lab.client.json(["ip", "-j", family, "rule"]):
            if rule.get("protocol") == "116":
                lab.client.run(["ip", family, "rule", "del", "priority", str(rule["priority"])])
        lab.client.run(["ip", family, "route", "flush", "table", "all", "proto", "116"])
    assert state(lab.client) == up.before
    lab.client.run(closed)
    with hammering(lab):
        assert all(try_to_get_out(lab, family) for family in FAMILIES)
    assert leaked(lab) == 0
    up.start()
    for family in FAMILIES:
        carried(lab, family)
    assert leaked(lab) == 0
    up.run("down")
    up.assert_nothing_left()
    assert files() == before


def test_the_unit_is_one_that_systemd_takes(up):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    persistent(up)
    verified = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and "tfunnel-closed" not in verified.stderr, verified.stderr
    text = open(UNIT, encoding="ascii").read()
    for line in ("DefaultDependencies=no", "Wants=network-pre.target"):
        assert f"\n{line}\n" in text
    assert "network-pre.target" in text.split("\nBefore=")[1].split("\n")[0]


@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir", "symlink"])
def test_nothing_is_left_wherever_up_was_killed_while_it_installs(lab, up, call):
    before = files()
    words = [up.program, "up", "--via", "far tfunnel", "--quiet", "--kill-switch", "persist"]
    for number in range(1, MOST_CALLS):
        started = lab.client.start(killed_at(number, call, *words), name="up", env=up.environment)
        netlab.wait_until(lambda: not started.running() or os.path.islink(LINK), what="the unit, or the end")
        was_killed = not started.running()
        up.run("down")
        started.wait()
        assert files() == before, number
        up.assert_nothing_left()
        if not was_killed:
            break
    assert 1 < number < MOST_CALLS - 1, f"{number} calls"


def test_what_another_network_namespace_has_installed_is_left_alone(lab, up):
    persistent(up)
    kept = files()
    done = lab.lan.run([up.program, "down"], env=up.environment)
    assert "none has left anything" in done.stderr
    assert files() == kept
