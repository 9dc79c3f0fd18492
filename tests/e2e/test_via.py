"""--via: the client starts the far end itself, as `tfunnel -p PORT --via 'ssh host tfunnel'`."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import links
import netlab
import pytest
import supervised
import topology
import traffic_talk

USAGE = 64
SSH = "ssh host tfunnel"


@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_traffic(lab, commands, via, command):
    if command == SSH:
        commands.start_sshd()
    via(command)
    lab.traffic(lab.client, "flows", "--count", 50)
    lab.traffic(lab.client, "udp-sizes")
    lab.expect(lab.lan, "reply", "--udp", to=topology.FAR[6])


@pytest.mark.parametrize(
    "options",
    ["--via 'far tfunnel'", "--via 'far tfunnel' --links 2", "--links 2", "--link-wait 5"],
)
def test_usage_error_without_a_port_or_without_a_command(options):
    line = f"{topology.tfunnel()} {options}" + (" -p 12300" if "--via" not in options else "")
    done = subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=netlab.patient(10), check=False,
    )
    assert done.returncode == USAGE, done.stderr
    assert ("-p" if "--via" in options else "--via") in done.stderr
    assert len(done.stderr.splitlines()) < 3


@pytest.mark.parametrize("value", ["--links 0", "--links 65", "--links x", "--link-wait -1", "--link-wait x"])
def test_nonsense_value_is_a_usage_error(value):
    line = f"{topology.tfunnel()} -p 12300 --via 'far tfunnel' {value}"
    done = subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=netlab.patient(10), check=False,
    )
    assert done.returncode == USAGE, done.stderr
    assert value.split()[0] in done.stderr


def test_config_file(lab, server, start_tunnel):
    del server
    path = os.path.join(lab.directory, "tfunnel.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"port = {topology.PORT}\nvia = far tfunnel\nlinks = 2\nlink-wait = 5\n")
    tunnel = start_tunnel(links.link_via, client_command=f"tfunnel --config {path}")
    tunnel.wait_up(2)
    assert supervised.answered(lab)


def test_closed_standard_streams(lab, via):
    """A daemon may have none: the link's pipes must not be mistaken for them."""
    via(client_args="<&- >&-")
    lab.traffic(lab.client, "flows", "--count", 5)


def test_no_standard_streams_at_all(lab, via):
    via(client_args="<&- >&- 2>&-")
    lab.traffic(lab.client, "flows", "--count", 5)


def test_own_standard_streams_are_left_alone(lab, server, start_tunnel):
    """stdin may be a pipe that somebody else reads, stdout a file."""
    del server
    read_end, write_end = os.pipe()
    os.write(write_end, b"not for tfunnel")
    with open(os.path.join(lab.directory, "stdout"), "wb") as output:
        tunnel = start_tunnel(links.link_via, stdin=read_end, stdout=output)
        lab.traffic(lab.client, "flows", "--count", 5)
        tunnel.stop()
        assert os.path.getsize(output.name) == 0
    assert os.read(read_end, 100) == b"not for tfunnel"
    os.close(read_end)
    os.close(write_end)


def test_command_holds_no_descriptor_of_the_client(lab, via):
    """A flow's socket in the command's hands would keep the connection open for ever."""
    path = os.path.join(lab.directory, "descriptors")
    tunnel = via(f"ls /proc/self/fd > {path}; exec far tfunnel", count=2)
    flows = supervised.open_echoes(lab, 6)
    os.remove(path)
    supervised.kill(tunnel.far_pids()[:1])
    tunnel.wait_for_log(supervised.AGAIN)
    with open(path, encoding="ascii") as file:
        assert file.read().split() == ["0", "1", "2", "3"]  # 3 is that of ls, to read the folder
    for flow in flows:
        flow.close()


def test_command_begins_with_ordinary_signals(lab, via):
    """Ignored or blocked ones would pass exec(2): ssh that ignores SIGPIPE, or cannot be ended."""
    path = os.path.join(lab.directory, "signals")
    via(f"grep -E 'Sig(Ign|Blk)' /proc/self/status > {path}; exec far tfunnel")
    with open(path, encoding="ascii") as file:
        assert [int(line.split()[1], 16) for line in file] == [0, 0]


def test_quiet_says_nothing_while_all_is_well(lab, commands, via):
    commands.start_sshd()
    tunnel = via(f"{SSH} -q", client_args="-q")
    lab.traffic(lab.client, "flows", "--count", 5)
    tunnel.stop()
    assert tunnel.log() == ""


def test_quiet_tells_of_a_lost_link(lab, via):
    tunnel = via(client_args="-q")
    assert supervised.answered(lab)
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log(supervised.LOST)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_termination_ends_all_with_0(lab, commands, via, command, number, count):
    if command == SSH:
        commands.start_sshd()
    tunnel = via(command, count)
    flows = supervised.open_echoes(lab, 3)
    tunnel.client.signal(number)
    assert tunnel.client.wait() == 0
    tunnel.wait_nothing_left()
    for flow in flows:
        flow.close()


def test_termination_before_the_greeting(start_tunnel):
    tunnel = start_tunnel(links.link_via, via="sleep 1000")
    tunnel.client.signal(signal.SIGTERM)
    assert tunnel.client.wait() == 0
    tunnel.wait_nothing_left()


def test_termination_while_the_link_is_down(lab, server, start_tunnel):
    """The end must not wait for the next try, nor for what waits in the accept queue."""
    del server
    switch = links.Switch(lab.directory)
    tunnel = start_tunnel(links.link_via, via=switch.shell + "exec far tfunnel")
    pids = tunnel.wait_up()
    assert supervised.answered(lab)
    switch.off()
    supervised.kill(pids)
    supervised.wait_for_long_back_off(tunnel, 1.5)
    with lab.client.connect(*supervised.FAR):
        tunnel.client.signal(signal.SIGTERM)
        assert tunnel.client.wait(5) == 0
    tunnel.wait_nothing_left()


@pytest.mark.parametrize(
    "command",
    ["trap '' TERM HUP INT; sleep 1000 & far tfunnel; sleep 1000", "trap '' TERM; sleep 1000 & exec far tfunnel"],
    ids=["the command", "what it leaves behind"],
)
def test_who_ignores_every_request_to_end_is_killed(lab, via, command):
    """EOF and SIGTERM do nothing; SIGKILL comes after two seconds, for the whole process group."""
    tunnel = via(command)
    assert supervised.answered(lab)
    started = time.monotonic()
    tunnel.client.signal(signal.SIGTERM)
    assert tunnel.client.wait(15) == 0
    print(f"ended after {time.monotonic() - started:.1f} s")
    tunnel.wait_nothing_left()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_killed_client_leaves_no_process(lab, commands, via, command, count):
    if command == SSH:
        commands.start_sshd()
    tunnel = via(command, count)
    assert supervised.answered(lab)
    tunnel.client.signal(signal.SIGKILL)
    tunnel.client.wait()
    tunnel.wait_nothing_left()


def test_killed_client_leaves_no_command_that_has_not_greeted(start_tunnel):
    tunnel = start_tunnel(links.link_via, via="exec sleep 1000")
    netlab.wait_until(tunnel.processes, what="the command")
    tunnel.client.signal(signal.SIGKILL)
    tunnel.client.wait()
    tunnel.wait_nothing_left()


def test_usr1_prints_the_flows_of_all_links(lab, via):
    tunnel = via(count=2)
    flows = supervised.open_echoes(lab, 2)
    tunnel.client.signal(signal.SIGUSR1)
    address = re.escape(topology.FAR[4])
    netlab.wait_until(lambda: len(re.findall(address, tunnel.log())) >= 2, what="both flows in the log")
    assert all(traffic_talk.echoes(flow) for flow in flows)
    for flow in flows:
        flow.close()


def test_usr1_while_no_link_is_up(lab, server, start_tunnel):
    del server
    gate = links.Gate(lab.directory)
    tunnel = start_tunnel(links.link_via, via=f"{gate.shell} exec far tfunnel")
    tunnel.client.signal(signal.SIGUSR1)
    gate.open()
    assert supervised.answered(lab)


def test_flows_wait_for_the_first_greeting(lab, server, start_tunnel):
    """A slow login, such as one that asks for a passphrase, must not cost a flow; nor a datagram."""
    del server
    gate = links.Gate(lab.directory)
    start_tunnel(links.link_via, via=f"{gate.shell} exec far tfunnel")
    early = [lab.client.connect(*supervised.FAR) for _ in range(10)]
    for flow in early:
        flow.sendall(traffic_talk.header("echo") + b"early")
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"early", supervised.FAR)
        gate.open()
        assert sock.recv(100) == b"early"
    for flow in early:
        assert traffic_talk.receive_exactly(flow, 5) == b"early"
        flow.close()


def test_json_log_is_json(lab, via):
    tunnel = via("echo hello >&2; exec far tfunnel", client_args="--log-format json")
    assert supervised.answered(lab)
    tunnel.wait_for_log("hello")
    tunnel.stop()
    for line in tunnel.log().splitlines():
        assert isinstance(json.loads(line), dict), line


def test_far_ends_json_becomes_lines_of_ours(lab, via):
    tunnel = via("exec far tfunnel -v --log-format json", client_args="-v --log-format json")
    assert supervised.answered(lab)
    tunnel.wait_for_log('"origin"')
    tunnel.stop()
    rows = [json.loads(line) for line in tunnel.log().splitlines()]
    assert not [row for row in rows if row["message"].startswith("{")], tunnel.log()
    assert {row["program"] for row in rows if row.get("origin") == "tfunnel proxy"} == {"tfunnel link"}


def test_far_ends_information_is_held_back_in_json_as_in_text(lab, via):
    tunnel = via("echo hello >&2; exec far tfunnel --log-format json", client_args="--log-format json")
    assert supervised.answered(lab)
    tunnel.wait_for_log("hello")
    tunnel.stop()
    assert "serving" not in tunnel.log()
