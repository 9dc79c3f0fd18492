"""`tfunnel status`: what the clients that run tell, to whom, and that nobody who asks can hold a tunnel up."""

import contextlib
import glob
import json
import os
import re
import signal
import socket
import stat

import links
import netlab
import pytest
import supervised
import topology
import traffic_talk
from ups import PORT, carried

SYSTEM_LAB = True
NOTHING = 69
PLACES = ("/run/tfunnel", "/run/user/*/tfunnel", "/tmp/tfunnel-*")


def status(namespace, user=(), program=None):
    """All that answer, by their processes."""
    done = namespace.run([*user, program or topology.tfunnel(), "status", "--json"], check=False)
    assert done.returncode in (0, NOTHING), done.stderr
    return {one["process"]: one for one in json.loads(done.stdout)}


def told(lab, pid, what, ready):
    """What process `pid` says, once `ready(that)` is true."""

    def look():
        one = status(lab.client).get(pid)
        return one if one and ready(one) else None

    return netlab.wait_until(look, what=what)


def sockets(pid):
    """Of a process; `run` has it in a child of the one that it names."""
    found = [path for place in PLACES for path in glob.glob(f"{place}/*-{pid}-*.sock")]
    return [path for path in found if stat.S_ISSOCK(os.stat(path).st_mode)]


def counter(one, name):
    return next(counter["packets"] for counter in one["rules"]["counters"] if counter["name"] == name)


def dropped(one):
    return {(what["what"], what["why"]) for what in one["dropped"]}


def ask(path, timeout=netlab.patient(5)):
    """As any program does: to connect is to ask."""
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    asker.settimeout(timeout)
    asker.connect(path)
    return asker


def all_of(asker):
    with asker:
        text = b""
        while piece := asker.recv(65536):
            text += piece
        return text


@pytest.fixture(name="client")
def _client(lab, commands):
    """client(*words) -> a supervised client (-p --via) without rules."""

    def start(*words, via="far tfunnel"):
        command = [topology.tfunnel(), "-p", str(topology.PORT), "--via", via, *words]
        made = lab.client.start(command, name="client", env=links.environment(commands.client_path))
        netlab.wait_until(lambda: sockets(made.pid), what="its socket")
        return made

    return start


# --- what is told --------------------------------------------------------------------------------


def test_up_tells_of_its_link_its_rules_and_its_flows(lab, up):
    running = up.start()
    for family in (4, 6):
        carried(lab, family)
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, (topology.FAR[4], PORT)) as listener:
        listener.listen()
        with lab.client.connect(topology.FAR[4], PORT) as program:
            source = "{}:{}".format(*program.getsockname())
            one = told(lab, running.pid, "a measured link", lambda one: one["links"][0]["pacing"]["round_trip_ms"] > 0)
    assert one["command"] == "up" and one["user"] == os.geteuid() and one["seconds"] > 0
    (link,) = one["links"]
    assert link["up"] and link["far_end"].startswith("tfunnel ") and link["restarts"] == 0
    assert link["flows_now"] == len(link["flows"])
    assert [flow["source"] for flow in link["flows"] if flow.get("destination") == f"{topology.FAR[4]}:{PORT}"] == [source]
    assert one["rules"]["stand"] and one["rules"]["kill_switch"] == "on"
    assert counter(one, "into4") > 0 and counter(one, "into6") > 0
    assert one["new_connections"] == "go through the tunnel"


def test_up_tells_what_was_refused_and_why(lab, up):
    running = up.start("--lan", "deny")
    for address, port in ((topology.FAR[4], PORT), (topology.FAR[4], 853), (topology.LAN_HOST[4], PORT)):
        with pytest.raises(OSError), lab.client.connect(address, port) as program:
            program.recv(1)
    one = told(lab, running.pid, "a refused connection", lambda one: ("connections", "connection refused") in dropped(one))
    assert counter(one, "refused_dot") > 0 and counter(one, "refused_lan") > 0
    text = up.run("status").stdout
    for line in (r"    \d+ connections: connection refused", r"    \d+ packets: own networks are out of bounds \(--lan deny\)"):
        assert re.search(line, text)


def test_counters_are_what_the_kernel_counts(lab, up):
    running = up.start()
    carried(lab, 4)
    one = told(lab, running.pid, "counters", lambda one: counter(one, "into4") > 0)
    listed = lab.client.json(["nft", "-j", "list", "counters", "table", "inet", "tfunnel_up"])["nftables"]
    of_kernel = {row["counter"]["name"] for row in listed if "counter" in row}
    assert of_kernel | {"unguarded"} == {counter["name"] for counter in one["rules"]["counters"]}


def test_a_link_that_was_lost_is_told_with_its_restarts_and_what_was_refused_meanwhile(lab, up):
    switch = links.Switch(lab.directory)
    running = up.start(via=switch.shell + "exec far tfunnel")
    switch.off()
    supervised.kill(lab.far.find(topology.tfunnel_proxy()))
    down = told(lab, running.pid, "a lost link", lambda one: "trouble" in one["links"][0])
    assert not down["links"][0]["up"]
    assert "pacing" not in down["links"][0] and down["new_connections"].startswith("are refused")
    assert "trying again" in down["links"][0]["trouble"]
    with pytest.raises(OSError), lab.client.connect(topology.FAR[4], PORT) as program:
        program.recv(1)
    told(lab, running.pid, "the refusal", lambda one: ("connections", "the link is down") in dropped(one))
    switch.on()
    supervised.hurry(lab)
    again = told(lab, running.pid, "the link again", lambda one: one["links"][0]["up"])
    assert again["links"][0]["restarts"] >= 1 and "trying again" in again["links"][0]["trouble"]


def test_a_client_and_run_are_told_besides(lab, client, runs):
    """Whoever started them: root sees all."""
    first, second = client("--links", "2"), runs.start("sleep", "1000")
    one = told(lab, first.pid, "both links", lambda one: all(link["up"] for link in one["links"]))
    assert one["command"] == "client" and len(one["links"]) == 2 and "rules" not in one
    one = told(lab, second.pid, "run", lambda one: one["links"][0]["up"])
    assert one["command"] == "run" and one["program"] == "sleep"
    text = lab.client.run([topology.tfunnel(), "status"]).stdout
    assert f"tfunnel -p: process {first.pid}" in text and f"tfunnel run: process {second.pid}" in text
    if runs.user:
        assert first.pid not in status(lab.client, runs.user, runs.tfunnel)
        assert second.pid in status(lab.client, runs.user, runs.tfunnel)


def test_with_nothing_running_it_says_so_in_one_line(lab):
    """In a mount namespace of its own, since other tests have theirs in /tmp; the program may lie there as well."""
    alone = 'exec 9<"$1"; mount -t tmpfs none /tmp && mount -t tmpfs none /run && exec /proc/self/fd/9 status --json'
    done = lab.client.run(["unshare", "-m", "sh", "-c", alone, "sh", topology.tfunnel()], check=False)
    assert done.returncode == NOTHING and done.stdout == "[]\n"
    assert done.stderr.count("\n") == 1 and "no tfunnel runs here" in done.stderr


def test_a_runtime_directory_wherever_it_is_has_the_socket(lab, commands, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {**links.environment(commands.client_path), "XDG_RUNTIME_DIR": str(home)}
    command = [topology.tfunnel(), "-p", str(topology.PORT), "--via", "far tfunnel"]
    running = lab.client.start(command, name="client", env=environment)
    netlab.wait_until(lambda: list(home.glob("tfunnel/*.sock")), what="its socket")
    told = lab.client.run([topology.tfunnel(), "status"], env=environment).stdout
    assert f"tfunnel -p: process {running.pid}" in told
    assert running.terminate() == 0
    assert not list(home.iterdir())


# --- the socket ----------------------------------------------------------------------------------


def test_only_its_user_may_ask_and_it_goes_with_a_clean_end(client):
    running = client()
    (path,) = sockets(running.pid)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert json.loads(all_of(ask(path)))["process"] == running.pid
    assert running.terminate() == 0
    assert not os.path.exists(path)


def test_another_user_is_not_answered(client, runs):
    if not runs.user:
        pytest.skip("a namespace of one id has no other users")
    (path,) = sockets(client().pid)
    os.chmod(os.path.dirname(path), 0o755)
    os.chmod(path, 0o666)
    words = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{path}'); print(len(s.recv(100)))"
    assert runs.lab.client.run([*runs.user, "python3", "-c", words], env=runs.environment()).stdout == "0\n"


def test_what_a_killed_one_left_is_removed_and_one_that_is_stopped_is_not(lab, client):
    dead = client()
    (left,) = sockets(dead.pid)
    dead.signal(signal.SIGKILL)
    stopped = client()
    (kept,) = sockets(stopped.pid)
    stopped.signal(signal.SIGSTOP)
    try:
        done = lab.client.run([topology.tfunnel(), "status"], check=False)
        assert not os.path.exists(left) and os.path.exists(kept)
        assert f"{kept} (process {stopped.pid}) does not answer" in done.stderr
        assert str(dead.pid) not in done.stdout + done.stderr
    finally:
        stopped.signal(signal.SIGCONT)
    assert stopped.pid in status(lab.client)


def test_somebody_elses_directory_in_its_place_is_not_used(lab, runs):
    """In /tmp anybody can make one, or a link to one."""
    if not runs.user:
        pytest.skip("a namespace of one id has no other users")
    user = runs.user[1].partition("=")[2]
    script = f"""
mount -t tmpfs -o mode=1777 none /tmp; mount -t tmpfs none /run/user
mkdir -m 700 /tmp/mine; ln -s /tmp/mine /tmp/tfunnel-{user}
"$@" run -v --via "$VIA" -- sleep 0
ls -A /tmp/mine
"""
    environment = {**runs.environment(), "VIA": runs.via, "XDG_RUNTIME_DIR": ""}
    done = lab.client.run(
        ["unshare", "-m", "bash", "-c", script, "bash", *runs.user, runs.tfunnel], env=environment, cwd=runs.work
    )
    assert "no directory that only this user can write to" in done.stderr, done.stderr
    assert done.stdout == ""


def test_slow_readers_and_a_crowd_that_asks_hold_no_flow_up(lab, up):
    running = up.start("--buffer-size", "4194304")
    (path,) = sockets(running.pid)

    def descriptors():
        return len(os.listdir(f"/proc/{running.pid}/fd"))

    lab.serve()
    with contextlib.ExitStack() as crowd:
        flow = crowd.enter_context(traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT))
        assert traffic_talk.echoes(flow)
        before = descriptors()
        for _ in range(100):
            with contextlib.suppress(OSError):  # the kernel's queue is full
                crowd.enter_context(ask(path, timeout=0.05))
            assert traffic_talk.echoes(flow)
        assert descriptors() <= before + 10
    told(lab, running.pid, "an answer after the crowd", lambda one: one["links"][0]["up"])


# --- the program of run --------------------------------------------------------------------------

LOOK = """
import glob, os, socket, sys
for path in sys.argv[1:]:
    print(path, sorted(os.listdir(path)) if os.path.isdir(path) else "none")
"""
CONNECT = """
import socket, sys
asker = socket.socket(socket.AF_UNIX)
asker.connect(sys.argv[1])
print(asker.recv(100))
"""


def test_the_program_of_run_finds_no_socket(runs, client):
    """Neither its own client's nor another's."""
    place = os.path.dirname(sockets(client().pid)[0])
    own = f"/run/user/{runs.user[1].partition('=')[2]}/tfunnel" if runs.user else place
    done = runs.run("python3", "-c", LOOK, place, own)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{place} []", f"{own} []"]


def test_the_program_of_run_gets_no_answer_where_the_directory_is_shown(runs):
    """`--show`, or a directory that came later in a mount namespace of the program's own."""
    other = runs.start("sleep", "1000")
    (path,) = netlab.wait_until(
        lambda: [path for pid in runs.pids() for path in sockets(pid)], what="the other one's socket"
    )
    copy = os.path.join(runs.work, "shown.sock")
    os.link(path, copy) if os.stat(path).st_dev == os.stat(runs.work).st_dev else pytest.skip("two file systems")
    done = runs.run("python3", "-c", CONNECT, copy)
    assert done.stdout == "b''\n", done.stderr
    assert json.loads(all_of(ask(path)))["process"] == other.pid
