"""`tfunnel up` as a service: the protocol of sd_notify(3), a watchdog that notices a hung loop, and a unit that is sound."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import links
import netlab
import pytest
import topology
from system_rules import FAMILIES, leaked
from ups import carried, hammering, try_to_get_out

SYSTEM_LAB = True
UNITS = ["tfunnel.service", "tfunnel@.service"]
MOST_EXPOSED = "30"  # of 100: 3.0


class Manager:
    """What a service manager hears."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.socket.setblocking(False)
        self.lines = []

    def hear(self):
        """All lines until now; those that are new."""
        new = []
        with contextlib.suppress(BlockingIOError):
            while True:
                new += self.socket.recv(65536).decode().splitlines()
        self.lines += new
        return new

    def heard(self, line):
        self.hear()
        return line in self.lines

    def wait_for(self, line):
        netlab.wait_until(lambda: self.heard(line), what=f"{line} among {self.lines}")

    def status(self):
        self.hear()
        return next((line[7:] for line in reversed(self.lines) if line.startswith("STATUS=")), "")

    def environment(self, watchdog=None):
        return {"NOTIFY_SOCKET": self.path, **({"WATCHDOG_USEC": str(watchdog)} if watchdog else {})}


@pytest.fixture(name="manager", params=["path", "abstract"])
def _manager(request, lab):
    with lab.client.enter():  # an abstract name belongs to a network namespace
        made = Manager(os.path.join(lab.directory, "notify") if request.param == "path" else f"@{lab.directory}/notify")
    yield made
    made.socket.close()


@pytest.fixture(name="service")
def _service(up):
    """service(manager, *words) -> `up` as that manager starts it."""

    def start(manager, *words, watchdog=None, via="far tfunnel"):
        up.environment.update(manager.environment(watchdog))
        command = [up.program, "up", "--via", via, "--keep-trying", "--allow-icmp", *words]
        return up.lab.client.start(command, name="up", env=up.environment)

    return start


def example(name):
    with open(os.path.join(topology.REPOSITORY, "examples", name), encoding="utf-8") as file:
        return file.read()


# --- what the manager is told --------------------------------------------------------------------


def test_it_is_ready_once_the_rules_stand_and_not_before(lab, up, manager, service):
    switch = links.Switch(lab.directory)
    switch.off()
    running = service(manager, via=switch.shell + "exec far tfunnel")
    netlab.wait_until(lambda: "trying again" in manager.status(), what="a status that says why there is no link")
    assert "READY=1" not in manager.lines and not up.stands()
    switch.on()
    netlab.wait_until(lambda: (manager.hear(), "READY=1" in manager.lines)[1], what="READY=1")
    assert up.stands()
    netlab.wait_until(lambda: manager.status().startswith("1 of 1 links up"), what="a status")
    assert manager.lines.count("READY=1") == 1
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    manager.wait_for("STOPPING=1")
    assert "WATCHDOG=1" not in manager.lines, "nobody watches"


def test_the_command_of_the_link_hears_nothing_of_the_manager(lab, manager, service):
    """It would be ready in our place."""
    told = os.path.join(lab.directory, "told")
    service(manager, watchdog=60_000_000, via=f"env > {told}; exec far tfunnel")
    manager.wait_for("READY=1")
    with open(told, encoding="utf-8") as file:
        text = file.read()
    assert "PATH=" in text and "NOTIFY_SOCKET" not in text and "WATCHDOG" not in text


def test_a_loop_that_hangs_says_no_more_that_it_runs(manager, service):
    running = service(manager, watchdog=200_000)
    manager.wait_for("READY=1")
    manager.wait_for("WATCHDOG=1")
    running.signal(signal.SIGSTOP)
    try:
        netlab.wait_until(lambda: netlab.process_status(running.pid)["State"].startswith("T"), what="a stopped process")
        manager.hear()
        ticks = []

        def ticked():
            ticks.append(manager.hear())
            return len(ticks) >= 100

        netlab.wait_until(ticked, what="a second of silence")
        assert not any(ticks)
    finally:
        running.signal(signal.SIGCONT)
    netlab.wait_until(lambda: "WATCHDOG=1" in manager.hear(), what="a sign of life")


def test_a_watchdog_for_another_process_is_not_ours(manager, service, up):
    up.environment["WATCHDOG_PID"] = "1"
    running = service(manager, watchdog=20_000)
    manager.wait_for("READY=1")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    manager.wait_for("STOPPING=1")
    assert "WATCHDOG=1" not in manager.lines


def test_a_manager_that_takes_nothing_holds_nobody_up(lab, service, manager):
    """Its queue is full; READY=1 comes when there is room again."""
    with lab.client.enter(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd:
        crowd.setblocking(False)
        crowd.connect("\0" + manager.path[1:] if manager.path.startswith("@") else manager.path)
        with contextlib.suppress(BlockingIOError):
            while True:
                crowd.send(b"CROWD=1")
    service(manager, watchdog=100_000)
    netlab.wait_until(lambda: carried_once(lab), what="traffic in the tunnel")
    manager.wait_for("READY=1")
    netlab.wait_until(lambda: "WATCHDOG=1" in manager.hear(), what="a sign of life")


def carried_once(lab):
    with contextlib.suppress(OSError, AssertionError):
        carried(lab, 4)
        return True
    return False


# --- the kill switch, as the unit has it ---------------------------------------------------------


def restart_signal():
    return getattr(signal, re.search(r"^RestartKillSignal=(\w+)$", example("tfunnel@.service"), re.M).group(1))


@pytest.mark.parametrize("end", ["restart", "watchdog", "kill"])
@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_nothing_leaves_between_its_end_and_the_next_start(lab, up, manager, service, end):
    number = {"restart": restart_signal(), "watchdog": signal.SIGABRT, "kill": signal.SIGKILL}[end]
    first = service(manager)
    manager.wait_for("READY=1")
    with hammering(lab):
        first.signal(number)
        first.wait()
        assert up.stands() or "tfunnel_up" in lab.client.run(["nft", "list", "tables"]).stdout
        assert all(try_to_get_out(lab, family) for family in FAMILIES)
        manager.lines.clear()
        service(manager)
        manager.wait_for("READY=1")
    for family in FAMILIES:
        carried(lab, family)
    assert leaked(lab) == 0


@pytest.mark.parametrize("manager", ["abstract"], indirect=True)
def test_it_needs_no_more_rights_than_the_unit_gives_and_its_user_and_root_see_how_it_is(lab, up, manager, runs):
    if not runs.user:
        pytest.skip("a namespace of one id has no other users")
    names = re.search(r"^CapabilityBoundingSet=(.*)$", example("tfunnel@.service"), re.M).group(1).lower()
    rights = ",".join(["-all", *names.replace("cap_", "+").split()])
    limited = ["--bounding-set", rights, "--inh-caps", rights, "--ambient-caps", rights, "--no-new-privs"]
    environment = {**runs.environment(), **manager.environment()}
    command = [*runs.user[:-1], *limited, "--", runs.tfunnel, "up", "--via", runs.via, "--allow-icmp"]
    running = lab.client.start(command, name="up", env=environment)
    manager.wait_for("READY=1")
    carried(lab, 4)
    assert leaked(lab) == 0
    for asker in ([], runs.user):
        told = lab.client.run([*asker, runs.tfunnel, "status"], env=runs.environment()).stdout
        assert f"tfunnel up: process {running.pid} of user {runs.user[1].partition('=')[2]}" in told
        assert re.search(r"\d+ packets, .* into4: ", told)
    up.run("down")
    assert running.wait() == 0


# --- the units -----------------------------------------------------------------------------------


@pytest.fixture(name="unit", params=UNITS)
def _unit(request, tmp_path):
    """The path of a unit whose programs are there, as after an installation."""
    text = example(request.param).replace("/usr/local/bin/tfunnel", "/bin/true")
    text = text.replace("/usr/local/share/tfunnel/examples", os.path.join(topology.REPOSITORY, "examples"))
    name = request.param.replace("@.", "@name.")
    (tmp_path / request.param).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def test_systemd_has_nothing_to_say_about_the_unit(unit):
    done = analyze("--man=no", "verify", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_is_exposed_little(unit):
    done = analyze("security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout[-2000:]
    assert float(re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout).group(1)) < 3


def test_options_of_the_unit_are_accepted(lab, up, tmp_path):
    """The command line of ExecStart, with a file as the comment shows one."""
    text = example("tfunnel@.service")
    command = re.search(r"^ExecStart=\S+ (.*)$", text, re.M).group(1)
    shown = re.search(r"^#   (via = .*)$", text, re.M).group(1)
    (tmp_path / "config").write_text(shown + "\n", encoding="ascii")
    words = command.replace("${CREDENTIALS_DIRECTORY}", str(tmp_path)).split()
    done = lab.client.run([up.program, *words, "--dry-run"], env=up.environment)
    assert "table inet tfunnel_up" in done.stdout
