"""A client that asks for too much gets resets: memory stays within the bound that the manual states."""

import subprocess

import netlab
import pytest
import raw_peer
import topology

BUFFER_SIZE_KIB = 16 << 10
PROGRAM_KIB = 24 << 10
FLOW_KIB = 2
FLOWS = 6000


@pytest.fixture(name="far_end")
def _far_end(lab):
    """far_end() -> (process, peer, resident KiB at rest) of a proxy that we talk to by hand."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}

    def start(buffer_size_kib=BUFFER_SIZE_KIB, limits=()):
        # As root the limit may be tiny, or none; a flow needs a descriptor.
        limited = ["prlimit", f"--nofile={FLOWS + 200}:", *limits]
        options = ["--buffer_size", str(buffer_size_kib << 10)]
        process = lab.far.start([*limited, topology.tfunnel_proxy(), *options], name="proxy", **pipes)
        peer = raw_peer.Reader(process)
        assert peer.has_hello.wait(netlab.patient(10))
        return process, peer

    return start


def _peak_growth_kib(process, resident_before):
    return int(netlab.process_status(process.pid)["VmHWM"].split()[0]) - resident_before


def _overload(far_end, flow_frames):
    """Opens FLOWS flows; returns the process and the peer when everything was taken in."""
    process, peer = far_end()
    before = netlab.resident_kib(process.pid)
    for flow in range(1, 2 * FLOWS, 2):
        peer.send(flow_frames(flow))
    peer.send(raw_peer.frame(raw_peer.PING, raw_peer.number(1, 1)))
    netlab.wait_until(lambda: peer.counts.get(raw_peer.PONG), timeout=60, what="the answer to a ping")
    assert process.running(), process.log()
    assert _peak_growth_kib(process, before) < BUFFER_SIZE_KIB + PROGRAM_KIB + FLOWS * FLOW_KIB
    assert len(process.log()) < 100_000, "each refused flow fills the log"
    return process, peer


def test_data_for_connections_that_never_come_about(far_end):
    """All credit is used on every flow: 375 MiB in all."""
    payload = bytes(64 << 10)

    def frames(flow):
        opening = raw_peer.open_tcp(flow, topology.SILENT_HOST[4], 80, early=len(payload))
        return opening + raw_peer.data(flow, payload)

    _, peer = _overload(far_end, frames)
    assert peer.counts[raw_peer.RESET] > FLOWS / 2, peer.counts


def test_connections_that_never_come_about(far_end):
    """No data at all, but each attempt costs a coroutine."""
    _, peer = _overload(far_end, lambda flow: raw_peer.open_tcp(flow, topology.SILENT_HOST[6], 80, early=0))
    assert peer.counts[raw_peer.RESET] > FLOWS / 2, peer.counts


def test_datagrams_that_nobody_answers(far_end):
    def frames(flow):
        sent = raw_peer.datagram(flow, topology.FAR_OTHER[4], topology.CLOSED_PORT, bytes(1200))
        return raw_peer.open_udp(flow) + sent

    _overload(far_end, frames)


def test_system_without_memory_refuses_flows_and_ends_nothing(far_end):
    """Each attempt's stack takes 64 KiB of address space, of which there is less than --buffer-size allows."""
    process, peer = far_end(128 << 10, [f"--as={192 << 20}"])
    for flow in range(1, 2 * FLOWS, 2):
        peer.send(raw_peer.open_tcp(flow, topology.SILENT_HOST[4], 80, early=0))
    peer.send(raw_peer.frame(raw_peer.PING, raw_peer.number(1, 1)))
    netlab.wait_until(lambda: peer.counts.get(raw_peer.PONG), timeout=60, what="the answer to a ping")
    assert process.running(), process.log()
    assert peer.counts[raw_peer.RESET] > FLOWS / 4, peer.counts


def test_what_was_refused_is_possible_again_afterwards(lab, server, far_end):
    """Resetting the overload gives everything back."""
    del server
    payload = bytes(64 << 10)
    process, peer = far_end()
    for flow in range(1, 1001, 2):
        opening = raw_peer.open_tcp(flow, topology.SILENT_HOST[4], 80, early=len(payload))
        peer.send(opening + raw_peer.data(flow, payload))
    for flow in range(1, 1001, 2):
        peer.send(raw_peer.frame(raw_peer.RESET, raw_peer.number(1, flow), raw_peer.number(2, 9)))
    peer.send(raw_peer.open_tcp(1001, topology.FAR[4], topology.SERVER_PORT, early=0))
    netlab.wait_until(lambda: peer.counts.get(raw_peer.OPENED), what="a new connection")
    peer.send(raw_peer.frame(raw_peer.RESET, raw_peer.number(1, 1001), raw_peer.number(2, 9)))
    peer.send(raw_peer.frame(raw_peer.PING, raw_peer.number(1, 1)))
    netlab.wait_until(lambda: peer.counts.get(raw_peer.PONG), what="the answer to a ping")
    process.wait_for_table(r"buffered: 0 of")
