"""--via: a lost link ends its flows at once, comes back by itself, and what is new waits for it."""

import contextlib
import re
import signal
import socket
import time

import netlab
import pytest
import supervised
import topology
import traffic_talk

IP_RECVERR = 11
SSH = "ssh host tfunnel"
KEEPALIVE = "--keepalive 1 --keepalive-timeout 2"


def ssh_pids(lab):
    return lab.client.find("/usr/bin/ssh")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_ssh_is_replaced(lab, commands, used_via, number):
    commands.start_sshd()
    tunnel = used_via(SSH)
    flow = traffic_talk.open_echo(lab.client, *supervised.FAR)
    assert traffic_talk.echoes(flow)
    since = time.monotonic()
    supervised.kill(ssh_pids(lab), number)
    assert supervised.is_reset(flow)
    supervised.wait_for_answer(lab, f"signal {number} to ssh", since)
    tunnel.wait_for_log(supervised.LOST)
    tunnel.wait_for_log(supervised.AGAIN)
    lab.traffic(lab.client, "flows", "--count", 20)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "goodbye"])
@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_far_end_is_replaced(lab, commands, used_via, command, number):
    """SIGTERM to the far end is its goodbye (GoAway): an admin restarts it, say."""
    if command == SSH:
        commands.start_sshd()
    tunnel = used_via(command)
    flows = supervised.open_echoes(lab, 5)
    since = time.monotonic()
    supervised.kill(tunnel.far_pids(), number)
    assert all(supervised.is_reset(flow) for flow in flows)
    supervised.wait_for_answer(lab, f"signal {number} to the far end, {command}", since)
    tunnel.wait_for_log(supervised.AGAIN)


def test_loss_and_return_are_one_line_each(lab, used_via):
    tunnel = used_via()
    before = len(tunnel.log().splitlines())
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log(supervised.AGAIN)
    assert supervised.answered(lab)
    said = tunnel.log().splitlines()[before:]
    lines = [line for line in said if not line.startswith("tfunnel link")]  # what the command said is another matter
    assert len(lines) == 2, said
    assert supervised.LOST in lines[0] and re.search(r"trying again in [0-9.]+ s", lines[0])
    assert re.search(r"up again after [0-9.]+ s", lines[1])


def test_open_flows_are_reset_at_once(lab, used_via, switch):
    """Not only when the link is back: it never is, here."""
    tunnel = used_via(switch.shell + "exec far tfunnel")
    flows = supervised.open_echoes(lab, 50)
    switch.off()
    since = time.monotonic()
    supervised.kill(tunnel.far_pids())
    assert all(supervised.is_reset(flow) for flow in flows)
    print(f"50 flows were reset within {time.monotonic() - since:.2f} s")


def test_bulk_flow_is_reset_at_once(lab, used_via):
    """Bytes are on their way in both directions; the application must not see a clean end."""
    tunnel = used_via()
    flow = traffic_talk.open_echo(lab.client, *supervised.FAR)
    flow.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += flow.send(bytes(100_000))
    flow.settimeout(netlab.patient(5))
    supervised.kill(tunnel.far_pids())
    received = 0
    with pytest.raises(ConnectionResetError):
        while piece := flow.recv(1 << 20):
            received += len(piece)
    assert received < sent
    flow.close()


def test_server_sees_a_reset(lab, used_via):
    """The server sees a reset as well, once the far end is gone: not a clean end of what it was told."""
    tunnel = used_via()
    address = (topology.FAR[4], 7500)
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, bind=address) as listener:
        listener.listen()
        application = lab.client.connect(*address)
        accepted, _ = listener.accept()
        accepted.settimeout(netlab.patient(10))
        application.sendall(b"half of a document")
        assert traffic_talk.receive_exactly(accepted, 18)
        tunnel.client.signal(signal.SIGKILL)
        with pytest.raises(ConnectionResetError):
            accepted.recv(1)
        application.close()
        accepted.close()


def test_new_connections_wait_for_the_link(lab, broken, switch):
    broken()
    flows = [lab.client.connect(*supervised.FAR) for _ in range(20)]
    for flow in flows:
        flow.sendall(traffic_talk.header("echo") + b"early")
    half_closed = lab.client.connect(*supervised.FAR)
    half_closed.sendall(traffic_talk.header("echo") + b"all")
    half_closed.shutdown(socket.SHUT_WR)
    switch.on()
    for flow in flows:
        assert traffic_talk.receive_exactly(flow, 5) == b"early"
        flow.close()
    assert traffic_talk.receive_exactly(half_closed, 3) == b"all"
    assert half_closed.recv(1) == b""
    half_closed.close()


def test_datagrams_wait_for_the_link(lab, broken, switch):
    broken()
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"early", supervised.FAR)
        switch.on()
        assert sock.recv(100) == b"early"


def test_connection_that_gave_up_waiting_is_no_harm(lab, broken, switch):
    tunnel = broken()
    for _ in range(50):
        lab.client.connect(*supervised.FAR).close()
    switch.on()
    tunnel.wait_for_log(supervised.AGAIN, 20)
    lab.traffic(lab.client, "flows", "--count", 20)


def refuses_both(lab):
    tcp = lab.expect(lab.client, "reset,refused", "--behaviour", "echo", "--send", 5)
    udp = lab.expect(lab.client, "refused,unreachable", "--udp", "--recverr")
    six = lab.expect(lab.lan, "refused,unreachable", "--udp", "--recverr", to=topology.FAR[6])
    print(f"refused after {tcp['ms']} ms (TCP), {udp['ms']} and {six['ms']} ms (UDP)")


def works_again(lab, tunnel, switch):
    switch.on()
    supervised.hurry(lab)
    tunnel.wait_for_log(supervised.AGAIN, 40)
    netlab.wait_until(lambda: supervised.answered(lab), what="answers again")
    lab.expect(lab.client, "reply", "--udp")
    lab.expect(lab.lan, "reply", "--udp", to=topology.FAR[6])


def test_no_link_wait_refuses_at_once(lab, broken, switch):
    tunnel = broken(client_args="--link-wait 0")
    refuses_both(lab)
    works_again(lab, tunnel, switch)


def test_what_waited_too_long_is_refused(lab, broken, switch):
    """Also what came while there was still hope."""
    tunnel = broken(client_args="--link-wait 2")
    early = lab.client.connect(*supervised.FAR)
    early.sendall(traffic_talk.header("echo") + b"early")
    datagram = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    datagram.connect(supervised.FAR)
    datagram.send(b"early")
    assert supervised.is_reset(early)
    with pytest.raises(OSError, match="unreachable"):
        datagram.recv(100)
    refuses_both(lab)
    works_again(lab, tunnel, switch)
    early.close()
    datagram.close()


def test_link_wait_begins_anew_with_each_loss(lab, broken, switch):
    tunnel = broken(client_args="--link-wait 5")
    netlab.wait_until(lambda: not waits(lab), 15, "refusal")
    works_again(lab, tunnel, switch)
    switch.off()
    supervised.kill(tunnel.far_pids())
    netlab.wait_until(lambda: len(re.findall(supervised.LOST, tunnel.log())) >= 2, what="the second loss")
    assert waits(lab)
    switch.on()
    supervised.hurry(lab)
    netlab.wait_until(lambda: supervised.answered(lab), 20, "answers again")


def waits(lab):
    result = lab.expect(lab.client, "timeout", "--behaviour", "echo", "--send", 5, "--timeout-ms", 300, check=False)
    return result["ok"]


def test_udp_after_a_restart(lab, used_via):
    """The same socket, which both ends knew as a flow, goes on."""
    tunnel = used_via()
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"before", supervised.FAR)
        assert sock.recv(100) == b"before"
        supervised.kill(tunnel.far_pids())
        tunnel.wait_for_log(supervised.AGAIN)
        sock.settimeout(0.5)

        def echoed():
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                sock.sendto(b"after", supervised.FAR)
                return sock.recv(100) == b"after"
            return False

        netlab.wait_until(echoed, what="UDP echo after the restart")
    lab.traffic(lab.client, "udp-sizes")


@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_stopped_far_end_is_replaced(lab, commands, used_via, command):
    """It holds the link open and never answers: keep-alive finds out, and SIGTERM would not end it."""
    if command == SSH:
        commands.start_sshd()
    else:
        command = supervised.NOT_THE_COMMAND_ITSELF
    tunnel = used_via(command, client_args=KEEPALIVE)
    stopped = tunnel.far_pids()
    flow = traffic_talk.open_echo(lab.client, *supervised.FAR)
    assert traffic_talk.echoes(flow)
    since = time.monotonic()
    supervised.kill(stopped, signal.SIGSTOP)
    assert supervised.is_reset(flow)
    supervised.wait_for_answer(lab, "a stopped far end", since)
    if command == SSH:
        supervised.kill(stopped)  # behind ssh nobody but its own keep-alive could
    for pid in stopped:
        netlab.wait_until(lambda pid=pid: not netlab.alive(pid), what="end of the stopped far end")


def test_stopped_ssh_is_continued_or_replaced(lab, commands, used_via):
    commands.start_sshd()
    used_via(SSH, client_args=KEEPALIVE)
    since = time.monotonic()
    supervised.kill(ssh_pids(lab), signal.SIGSTOP)
    supervised.wait_for_answer(lab, "a stopped ssh", since)


def test_client_and_far_end_that_were_stopped_for_long_go_on(lab, used_via):
    tunnel = used_via(supervised.NOT_THE_COMMAND_ITSELF, client_args=KEEPALIVE)
    everything = [tunnel.client_pid, *tunnel.processes()]
    with traffic_talk.open_echo(lab.client, *supervised.FAR) as flow:
        assert traffic_talk.echoes(flow)
        supervised.kill(everything, signal.SIGSTOP)
        time.sleep(3.5)  # the pause itself
        supervised.kill(everything, signal.SIGCONT)
        assert traffic_talk.echoes(flow)
    assert supervised.LOST not in tunnel.log()


def test_dead_ssh_master_does_not_hold_up_the_link(lab, commands, used_via):
    """The connection that all later ssh share hangs, and the master knows nothing of it."""
    commands.start_sshd()
    command = f"ssh -o ControlMaster=auto -o ControlPath={lab.directory}/master -o ControlPersist=60 host tfunnel"
    tunnel = used_via(command, client_args=f"{KEEPALIVE} --greeting-timeout 6")
    cut_off = tunnel.far_pids()
    connection = lab.client.run(["ss", "-Htn", "dport", "=", f":{topology.SSH_PORT}"]).stdout.split()
    port = connection[3].rsplit(":", 1)[1]
    lab.far.nft(f"table inet dead {{ chain input {{\ntype filter hook input priority 0\ntcp sport {port} drop\n}}\n}}")
    tunnel.wait_for_log(supervised.LOST)
    tunnel.wait_for_log("ssh without a ControlMaster", 20)
    tunnel.wait_for_log(supervised.AGAIN)
    assert supervised.answered(lab)
    supervised.kill(cut_off)  # nothing tells it


def test_back_off_grows(broken):
    """A server that is down for long must not be asked ten times a second."""
    tunnel = broken()
    supervised.wait_for_long_back_off(tunnel, 3)
    waits_told = [float(text) for text in re.findall(r"trying again in ([0-9.]+) s", tunnel.log())]
    assert waits_told[0] < 1
    assert max(waits_told) <= 30
    assert len(waits_told) < 10, waits_told


def test_link_that_comes_back_as_something_else(lab, switch, used_via):
    """After a restart even noise in place of a tunnel is no reason to end: the next try may be right."""
    tunnel = used_via(f"test -e {switch.path} || exec echo rescue system; exec far tfunnel")
    switch.off()
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log("rescue system")
    switch.on()
    tunnel.wait_for_log(supervised.AGAIN, 20)
    assert supervised.answered(lab)


def test_restarted_command_that_hangs_is_given_up(lab, used_via, switch):
    tunnel = used_via(f"test -e {switch.path} || exec sleep 1000; exec far tfunnel", client_args="--greeting-timeout 2")
    switch.off()
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log(supervised.LOST)
    netlab.wait_until(lambda: len(re.findall("trying again", tunnel.log())) >= 2, 20, "the end of a try that hangs")
    switch.on()
    tunnel.wait_for_log(supervised.AGAIN, 40)
    assert supervised.answered(lab)


def test_flow_ids_of_different_links_do_not_mix(lab, used_via):
    """The new far end has no flows; the old one's must be forgotten here, with their credit."""
    tunnel = used_via()
    for _ in range(3):  # the wait for the link doubles each time
        flows = supervised.open_echoes(lab, 20)
        log = tunnel.log().count("up again")
        supervised.kill(tunnel.far_pids())
        netlab.wait_until(lambda log=log: tunnel.log().count("up again") > log, 20, "the link again")
        lab.traffic(lab.client, "flows", "--count", 20)
        for flow in flows:
            flow.close()
    tunnel.client.wait_for_table("buffered: 0 of")
