"""What is older than `tfunnel up` stays outside, or is ended if that is wanted (--reset-existing)."""

import contextlib
import re
import socket

import isolation
import netlab
import pytest
import topology
from system_rules import CLIENT_MGMT, FAMILIES, OUTSIDE, leaked
from traffic_talk import receive_exactly
from ups import KIND, PORT, carried, connects

SYSTEM_LAB = True
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)


@contextlib.contextmanager
def connection(lab, family, source=None, port=PORT, address=OUTSIDE):
    """From the client to the far side, past any tunnel: both of its ends."""
    with lab.far.socket(KIND[family], socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address[family], port))
        listener.listen()
        with (source or lab.client).connect(address[family], port) as program:
            accepted, _ = listener.accept()
            accepted.settimeout(netlab.patient(10))
            with accepted:
                yield program, accepted


def goes_on(program, accepted):
    program.sendall(b"question")
    assert receive_exactly(accepted, 8) == b"question"
    accepted.sendall(b"answer")
    assert receive_exactly(program, 6) == b"answer"


@PER_FAMILY
def test_an_older_connection_goes_on_past_the_tunnel(lab, up, family):
    with connection(lab, family) as (program, accepted):
        up.start()
        goes_on(program, accepted)
    carried(lab, family)


@PER_FAMILY
def test_an_idle_older_connection_is_ended_at_once_if_that_is_wanted(lab, up, family):
    with connection(lab, family) as (program, accepted):
        up.start("--reset-existing")
        with pytest.raises(ConnectionError):
            program.recv(1)
        with pytest.raises(ConnectionError):  # it hears of it with its next packet
            while True:
                accepted.sendall(b"more")
                accepted.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    accepted.recv(1)
    carried(lab, family)
    assert leaked(lab) == 0


@PER_FAMILY
def test_what_somebody_else_has_begun_is_spared(lab, up, family):
    """Also where nobody listens any more."""
    with contextlib.ExitStack() as ends:
        pairs = []
        for port, is_closed in ((PORT, True), (20000, False)):
            here = (CLIENT_MGMT[family], port)
            listener = ends.enter_context(lab.client.socket(KIND[family], socket.SOCK_STREAM, here))
            listener.listen()
            stranger = ends.enter_context(lab.far.socket(KIND[family], socket.SOCK_STREAM, (OUTSIDE[family], 0)))
            stranger.connect(here)
            pairs.append((stranger, ends.enter_context(listener.accept()[0])))
            pairs[-1][1].settimeout(netlab.patient(10))
            if is_closed:
                listener.close()
        up.start("--reset-existing")
        for pair in pairs:
            goes_on(*pair)


def test_what_stays_outside_is_spared(lab, up):
    with connection(lab, 4) as excluded, connection(lab, 6) as ended:
        up.start("--reset-existing", "--exclude", f"{OUTSIDE[4]}:{PORT}")
        goes_on(*excluded)
        with pytest.raises(ConnectionError):
            ended[0].recv(1)


def test_who_is_not_selected_is_spared(lab, up):
    with connection(lab, 4) as (program, accepted):
        up.start("--reset-existing", "--uid", str(isolation.USER_ID))
        goes_on(program, accepted)
        up.run("down")
        up.start("--reset-existing", "--gid", str(isolation.USER_ID), "--interface", "mgmt0")
        goes_on(program, accepted)
        up.run("down")
        up.start("--reset-existing", "--gid", "0", "--interface", "wan0")
        goes_on(program, accepted)
        up.run("down")
        up.start("--reset-existing", "--gid", "0", "--interface", "mgmt*")
        with pytest.raises(ConnectionError):
            program.recv(1)


def test_the_link_is_spared(lab, up, commands):
    commands.start_sshd(address=OUTSIDE[4])
    ssh = f"ssh -o ControlPath=none -o HostName={OUTSIDE[4]} host tfunnel"
    with connection(lab, 4) as (program, _):
        running = up.start("--reset-existing", via=ssh)
        with pytest.raises(ConnectionError):
            program.recv(1)
        for family in FAMILIES:
            carried(lab, family)
        assert "lost" not in running.log()


def test_what_began_in_the_tunnel_goes_on_when_rules_are_made_anew(lab, up):
    up.start("--reset-existing")
    with connection(lab, 4, address=topology.FAR) as (program, accepted):
        lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"])
        netlab.wait_until(up.stands_whole, what="the rules again")
        goes_on(program, accepted)


def test_where_the_kernel_cannot_end_it_what_it_sends_is_refused(lab, up, tmp_path):
    """A kernel without INET_DIAG_DESTROY: here the socket for the question is refused."""
    trace = tmp_path / "trace"
    with connection(lab, 4):
        up.start("--reset-existing", before=["strace", "-qq", "-e", "trace=socket", "-o", str(trace)])
    up.run("down")
    calls = [line for line in trace.read_text(encoding="ascii").splitlines() if line.startswith("socket(")]
    found = [number for number, line in enumerate(calls, 1) if re.search("NETLINK_SOCK_DIAG|NETLINK_INET_DIAG", line)]
    assert len(found) == 1, calls
    with connection(lab, 4) as (program, accepted):
        fault = f"inject=socket:error=EPROTONOSUPPORT:when={found[0]}"
        up.start("--reset-existing", before=["strace", "-qq", "-e", "trace=socket", "-e", fault, "-o", str(trace)])
        listed = ["nft", "list", "set", "inet", "tfunnel_up", "refused4"]
        netlab.wait_until(lambda: "elements" in lab.client.run(listed).stdout, what="the refusal")
        with pytest.raises(ConnectionError):
            while True:
                program.sendall(b"more")
                program.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    program.recv(1)
        accepted.setblocking(False)
        with pytest.raises(BlockingIOError):
            accepted.recv(1)
    assert connects(lab, OUTSIDE[4]) != CLIENT_MGMT[4]
