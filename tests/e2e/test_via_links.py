"""--links N: flows are spread evenly over several links, and each link is lost and found alone."""

import contextlib
import signal
import socket
import time

import links
import netlab
import pytest
import supervised
import topology
import traffic_talk

SSH = "ssh host tfunnel"


@pytest.fixture(name="via")
def _via(lab, via):
    """The same with four links, all of which take flows."""

    def start(*command, count=4, **options):
        tunnel = via(*command, count=count, **options)
        wait_all_greeted(lab, tunnel, count)
        return tunnel

    return start


def wait_all_greeted(lab, tunnel, count):
    """Until each link takes flows."""

    def each_has_one():
        flows = supervised.open_echoes(lab, count)
        spread = counts(lab, tunnel)
        for flow in flows:
            flow.close()
        netlab.wait_until(lambda: not any(counts(lab, tunnel)), what="end of the trial flows")
        return len(spread) == count and min(spread) > 0

    netlab.wait_until(each_has_one, 20, "flows on every link", interval=0.1)


def counts(lab, tunnel):
    return [supervised.flows_of(lab, pid) for pid in tunnel.far_pids()]


@pytest.mark.parametrize("command", [SSH, "far tfunnel"])
def test_flows_are_spread_evenly(lab, commands, via, command):
    if command == SSH:
        commands.start_sshd()
    tunnel = via(command)
    flows = supervised.open_echoes(lab, 40)
    assert counts(lab, tunnel) == [10, 10, 10, 10]
    for flow in flows:
        flow.close()


def test_ended_flows_make_room(lab, via):
    """The fewest flows, not each in turn."""
    tunnel = via(count=2)
    flows = supervised.open_echoes(lab, 20)
    for flow in flows[::2]:
        flow.close()
    netlab.wait_until(lambda: sum(counts(lab, tunnel)) == 10, what="end of half of the flows")
    flows = flows[1::2] + supervised.open_echoes(lab, 10)
    assert counts(lab, tunnel) == [10, 10]
    for flow in flows:
        flow.close()


def test_bulk_and_udp_over_four_links(lab, via):
    via()
    lab.traffic(lab.client, "flows", "--count", 200)
    lab.traffic(lab.client, "udp-sizes")
    lab.traffic(lab.client, "bulk", "--flows", 8, "--seconds", 2)


def test_killing_half_of_the_links(lab, via):
    """Only their own flows are reset; the others never notice, and take what is new."""
    switch = links.Switch(lab.directory)
    tunnel = via(switch.shell + "exec far tfunnel")
    flows = supervised.open_echoes(lab, 40)
    switch.off()
    killed = tunnel.far_pids()[:2]
    since = time.monotonic()
    supervised.kill(killed)
    netlab.wait_until(lambda: len(tunnel.far_pids()) == 2, what="end of two far ends")
    tunnel.wait_for_log(r"(?s)link lost.*link lost")
    gone = []

    def half_are_gone():
        gone.extend(flow for flow in flows if flow not in gone and supervised.is_reset(flow, 0.01))
        return len(gone) >= 20

    netlab.wait_until(half_are_gone, what="the resets")
    assert len(gone) == 20
    rest = [flow for flow in flows if flow not in gone]
    for flow in rest:
        flow.settimeout(netlab.patient(10))
        assert traffic_talk.echoes(flow)
    more = supervised.open_echoes(lab, 20)
    print(f"20 new flows answered {time.monotonic() - since:.2f} s after the kill")
    assert counts(lab, tunnel) == [20, 20]
    switch.on()
    tunnel.wait_up(4, 40)
    tunnel.wait_for_log(r"(?s)up again.*up again")
    late = supervised.open_echoes(lab, 40)
    assert counts(lab, tunnel) == [20, 20, 20, 20]
    for flow in rest + more + late + gone:
        flow.close()


def test_lost_link_is_named(lab, via):
    tunnel = via(count=3)
    supervised.kill(tunnel.far_pids()[:1])
    tunnel.wait_for_log(r"link [123] lost|link lost.*link=[123]|link [123]: .*lost|lost: .*link [123]")
    assert supervised.answered(lab)


def test_killed_ssh_of_four_comes_back(lab, commands, via):
    commands.start_sshd()
    tunnel = via(SSH)
    supervised.kill(lab.client.find("/usr/bin/ssh")[:1])
    tunnel.wait_for_log(supervised.AGAIN)
    tunnel.wait_up(4)
    wait_all_greeted(lab, tunnel, 4)


def test_all_links_lost_then_new_connections_wait(lab, via):
    switch = links.Switch(lab.directory)
    tunnel = via(switch.shell + "exec far tfunnel")
    switch.off()
    supervised.kill(tunnel.far_pids())
    tunnel.wait_for_log("(?s)" + ".*".join([supervised.LOST] * 4))
    flows = [lab.client.connect(*supervised.FAR) for _ in range(20)]
    for flow in flows:
        flow.sendall(traffic_talk.header("echo") + b"early")
    switch.on()
    for flow in flows:
        with flow:
            assert traffic_talk.receive_exactly(flow, 5) == b"early"


def test_one_link_up_is_no_reason_to_refuse(lab, via):
    """--link-wait counts from when none is up."""
    switch = links.Switch(lab.directory)
    tunnel = via(switch.shell + "exec far tfunnel", count=2, client_args="--link-wait 0")
    switch.off()
    supervised.kill(tunnel.far_pids()[:1])
    tunnel.wait_for_log(supervised.LOST)
    for _ in range(5):
        assert supervised.answered(lab)


def test_udp_flow_moves_to_another_link(lab, via):
    """The link of an application's socket is lost: its next datagram takes another one at once."""
    switch = links.Switch(lab.directory)
    tunnel = via(switch.shell + "exec far tfunnel", count=2)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        switch.off()
        for victim in tunnel.far_pids()[:1]:
            sock.sendto(b"before", supervised.FAR)
            assert sock.recv(100) == b"before"
            supervised.kill([victim])
            tunnel.wait_for_log(supervised.LOST)
        sock.settimeout(0.5)

        def echoed():
            try:
                sock.sendto(b"after", supervised.FAR)
                return sock.recv(100) == b"after"
            except OSError:
                return False

        netlab.wait_until(echoed, what="UDP echo over the other link")


def test_64_links(lab, via):
    tunnel = via(count=64)
    flows = supervised.open_echoes(lab, 128)
    assert counts(lab, tunnel) == [2] * 64
    for flow in flows:
        flow.close()
    tunnel.client.signal(signal.SIGTERM)
    assert tunnel.client.wait() == 0
    tunnel.wait_nothing_left()


def test_slow_first_link_does_not_hold_up_the_others(lab, server, start_tunnel):
    """One of the hosts behind a name asks for time; whoever has greeted serves."""
    del server
    gate = links.Gate(lab.directory)
    first = f"mkdir {lab.directory}/first 2>/dev/null && {{ {gate.shell} }}; exec far tfunnel"
    tunnel = start_tunnel(links.link_via, via=first, count=3)
    assert supervised.answered(lab)
    gate.open()
    tunnel.wait_up(3)


def test_links_killed_under_load(lab, via):
    """The fate of each flow is open, but the client lives, and works afterwards."""
    tunnel = via("exec far tfunnel")
    to = ["--to", supervised.FAR[0], "--port", str(supervised.FAR[1])]
    loads = [
        lab.client.start([topology.traffic(), *words, *to], name=words[0])
        for words in (["flows", "--count", "3000"], ["bulk", "--flows", "8", "--seconds", "6"], ["udp-sizes"])
    ]
    for _ in range(12):
        seen = tunnel.log().count("trying again")
        supervised.kill(netlab.wait_until(tunnel.far_pids, 30, "a far end")[:1])
        netlab.wait_until(lambda seen=seen: tunnel.log().count("trying again") > seen, what="the loss")
    for load in loads:
        load.kill()
    tunnel.wait_up(4, 60)
    netlab.wait_until(lambda: supervised.answered(lab), what="answers")
    lab.traffic(lab.client, "flows", "--count", 50)
    lab.traffic(lab.client, "udp-sizes")


def test_no_descriptors_left_for_a_restart(lab, via):
    """It is tried again until there are some; what is open goes on."""
    switch = links.Switch(lab.directory)
    tunnel = via(switch.shell + "exec far tfunnel", count=2, client_prefix="ulimit -n 64;")
    switch.off()
    supervised.kill(tunnel.far_pids()[:1])
    tunnel.wait_for_log(supervised.LOST)
    flows = []
    for _ in range(150):
        with contextlib.suppress(OSError):
            flows.append(lab.client.connect(*supervised.FAR, timeout=2))
            flows[-1].sendall(traffic_talk.header("echo"))
    assert traffic_talk.echoes(flows[0])
    switch.on()
    tries = tunnel.log().count("trying again")
    netlab.wait_until(lambda: tunnel.log().count("trying again") >= tries + 2, 30, "two tries in vain")
    assert traffic_talk.echoes(flows[0])
    for flow in flows[1:]:
        flow.close()
    tunnel.wait_for_log(supervised.AGAIN, 60)
    assert traffic_talk.echoes(flows[0])
    flows[0].close()
