"""Data sent before the end arrives as it does without a tunnel: however slowly it is read, whichever end ends first,
and whoever has already gone. Data that cannot arrive is told of, and the exit status is not 0.

The receivers read nothing before the tunnel says that it waits for them: so nothing here depends on how fast anything
is, and what is left when an end is asked for is most of the data."""

import contextlib
import re
import signal
import socket
import struct

import netlab
import pytest
import topology

PORT = 7600
SIZE = 1_000_000
WAITS = "still delivering [0-9]+ bytes.*Ctrl-C ends it"
CUT = 75
PATHS = pytest.mark.parametrize("path", ["splice", "copy"])

WRITER = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    connection.sendall(bytes(int(sys.argv[3])))
sys.exit(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
"""
SENDER = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3): sender.sendto(b"line", ("203.0.113.1", 514))
"""


def hold_little(namespace):
    """Else the sender's kernel takes it all, and it counts as delivered."""
    namespace.sysctl("net.ipv4.tcp_wmem", "4096 16384 65536")


def listen(namespace, address):
    """A server that a few kilobytes fill."""
    hold_little(namespace)
    listener = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, PORT))
    listener.listen()
    listener.settimeout(20)
    return listener


def accept(listener):
    connection, _ = listener.accept()
    connection.settimeout(30)
    return connection


def read_all(connection):
    """How much came before a clean end; a reset is an exception."""
    total = 0
    while data := connection.recv(65536):
        total += len(data)
    return total


def writer(*words):
    return ["python3", "-c", WRITER, *map(str, words)]


# --- run -----------------------------------------------------------------------------------------


@PATHS
@pytest.mark.parametrize("via", [True, False], ids=["via", "local"])
def test_program_that_has_ended_is_heard_to_its_last_byte(lab, runs, via, path):
    """Neither a server that reads late nor the program's end costs a byte, or the clean end."""
    address = topology.FAR[4] if via else topology.CLIENT_LAN[4]
    with listen(lab.far if via else lab.client, address) as listener:
        run = runs.start(*writer(address, PORT, SIZE), via=via, options=["--data-path", path])
        with accept(listener) as connection:
            run.wait_for_log(WAITS, 30)
            assert read_all(connection) == SIZE
        assert run.wait(20) == 0, run.log()


def test_what_is_cut_is_told_and_is_no_success(lab, runs):
    with listen(lab.far, topology.FAR[4]) as listener:
        done = runs.run(*writer(topology.FAR[4], PORT, SIZE), options=["--linger", "1"])
        with accept(listener) as connection, pytest.raises(ConnectionResetError):
            read_all(connection)
    assert done.returncode == CUT, done.stderr
    assert netlab.re.search(r"cut: [0-9]+ bytes.* to 203\.0\.113\.10:7600", done.stderr), done.stderr


def test_programs_own_status_comes_before_that_of_its_delivery(lab, runs):
    with listen(lab.far, topology.FAR[4]):
        done = runs.run(*writer(topology.FAR[4], PORT, SIZE, 3), options=["--linger", "1"])
    assert done.returncode == 3 and "cut: " in done.stderr, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_person_who_does_not_want_to_wait_need_not(lab, runs, number):
    with listen(lab.far, topology.FAR[4]) as listener:
        run = runs.start(*writer(topology.FAR[4], PORT, SIZE))
        with accept(listener) as connection:
            run.wait_for_log(WAITS, 30)
            run.signal(number)
            assert run.wait(20) == CUT
            assert "cut: " in run.log()
            with pytest.raises(ConnectionResetError):
                read_all(connection)


def test_link_that_is_lost_meanwhile_is_told(lab, runs):
    with listen(lab.far, topology.FAR[4]) as listener:
        run = runs.start(*writer(topology.FAR[4], PORT, SIZE))
        with accept(listener):
            run.wait_for_log(WAITS, 30)
            runs.far_end.kill()
            assert run.wait(30) == CUT
    assert "cut: " in run.log()


def test_server_that_never_closes_does_not_hold_the_program_up(lab, runs):
    """It has got all there was; what else it does is its own business."""
    with listen(lab.far, topology.FAR[4]) as listener:
        run = runs.start(*writer(topology.FAR[4], PORT, 1000))
        with accept(listener) as connection:
            assert run.wait(20) == 0
            assert read_all(connection) == 1000
    assert "still delivering" not in run.log()


@contextlib.contextmanager
def socks5_proxy(lab):
    """Where a proxy would listen, and where its relay would hear."""
    listener = lab.client.socket(socket.AF_INET, socket.SOCK_STREAM, bind=("127.0.0.1", 0))
    relay = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, bind=("127.0.0.1", 0))
    with listener, relay:
        listener.listen()
        for one in (listener, relay):
            one.settimeout(30)
        yield listener, relay


def test_datagrams_wait_for_their_association(lab, runs):
    """A SOCKS5 proxy that takes its time: the program (syslog, statsd) is long gone."""
    with socks5_proxy(lab) as (listener, relay):
        options = ["--socks5", f"127.0.0.1:{listener.getsockname()[1]}"]
        run = runs.start("python3", "-c", SENDER, via=False, options=options)
        control = accept(listener)
        control.recv(3)
        control.sendall(b"\5\0")
        control.recv(10)
        run.wait_for_log("still delivering 3 datagrams.*Ctrl-C ends it", 30)
        control.sendall(b"\5\0\0\1\x7f\0\0\1" + struct.pack("!H", relay.getsockname()[1]))
        for _ in range(3):
            assert relay.recv(100).endswith(b"line")
        control.close()
        assert run.wait(20) == 0, run.log()


# --- clients, links and far ends -----------------------------------------------------------------


@PATHS
@pytest.mark.parametrize("end", ["client", "proxy"])
def test_tunnel_that_is_to_end_delivers_what_applications_had_sent(lab, start_tunnel, end, path):
    tunnel = start_tunnel(client_args=f"--data-path {path}", proxy_args=f"--data-path {path}")
    with listen(lab.far, topology.FAR[4]) as listener:
        application = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener) as connection:
            application.sendall(bytes(SIZE))
            application.close()
            getattr(tunnel, end).signal(signal.SIGTERM)
            getattr(tunnel, end).wait_for_log("still delivering [0-9]+ bytes", 30)
            assert read_all(connection) == SIZE
    assert tunnel.statuses(20) == (0, 0), tunnel.log()


@pytest.mark.parametrize("end", ["client", "proxy"])
def test_answer_reaches_an_application_that_reads_late(lab, start_tunnel, end):
    tunnel = start_tunnel()
    hold_little(lab.client)
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(topology.FAR[4], PORT)) as listener:
        listener.listen()
        application = lab.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        application.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        application.settimeout(30)
        application.connect((topology.FAR[4], PORT))
        server, _ = listener.accept()
        server.sendall(bytes(SIZE))
        server.close()
        getattr(tunnel, end).signal(signal.SIGTERM)
        getattr(tunnel, end).wait_for_log("still delivering [0-9]+ bytes", 30)
        with application:
            assert read_all(application) == SIZE
    assert tunnel.statuses(20) == (0, 0), tunnel.log()


@pytest.mark.parametrize("command", ["far tfunnel", "ssh host tfunnel"])
def test_links_command_stays_until_all_is_delivered(lab, commands, via, command):
    commands.start_sshd()
    tunnel = via(command)
    with listen(lab.far, topology.FAR[4]) as listener:
        application = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener) as connection:
            application.sendall(bytes(SIZE))
            application.close()
            tunnel.client.signal(signal.SIGTERM)
            tunnel.client.wait_for_log(WAITS, 30)
            assert read_all(connection) == SIZE
    assert tunnel.client.wait(20) == 0, tunnel.log()


def test_application_that_never_stops_does_not_keep_the_tunnel(lab, start_tunnel):
    """A connection that is open both ways: what it had sent counts, what it goes on sending does not."""
    tunnel = start_tunnel()
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(topology.FAR[4], PORT)) as listener:
        listener.listen()
        copy = f"exec cat /dev/zero >/dev/tcp/{topology.FAR[4]}/{PORT}"
        application = lab.client.start(["bash", "-c", copy], name="endless")
        server, _ = listener.accept()
        server.settimeout(30)
        assert len(server.recv(65536)) > 0
        tunnel.client.signal(signal.SIGTERM)
        with server, pytest.raises(ConnectionResetError):
            read_all(server)
        assert tunnel.statuses(20) == (0, 0), tunnel.log()
        application.wait()


def test_client_says_what_it_could_not_deliver(lab, start_tunnel):
    tunnel = start_tunnel(client_args="--linger 1")
    with listen(lab.far, topology.FAR[4]) as listener:
        application = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener):
            application.sendall(bytes(SIZE))
            application.close()
            tunnel.client.signal(signal.SIGTERM)
            assert tunnel.statuses(20) == (CUT, 0), tunnel.log()
    assert "cut: " in tunnel.client.log()


def test_second_sigterm_ends_the_waiting(lab, start_tunnel):
    tunnel = start_tunnel()
    with listen(lab.far, topology.FAR[4]) as listener:
        application = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener):
            application.sendall(bytes(SIZE))
            application.close()
            tunnel.client.signal(signal.SIGTERM)
            tunnel.client.wait_for_log(WAITS, 30)
            tunnel.client.signal(signal.SIGTERM)
            assert tunnel.client.wait(20) == CUT


def test_far_end_alone_delivers_what_came_whole(lab, start_tunnel):
    """The client is gone without a word: what came with its end arrives with its end, what did not is reset."""
    tunnel = start_tunnel()
    with listen(lab.far, topology.FAR[4]) as listener:
        whole = lab.client.connect(topology.FAR[4], PORT)
        with accept(listener) as of_whole:
            whole.sendall(bytes(45_000))
            whole.close()
            tunnel.proxy.wait_for_table(re.escape("[far end ended]"))
            part = lab.client.connect(topology.FAR[4], PORT)
            with accept(listener) as of_part:
                part.sendall(b"x")
                assert of_part.recv(1) == b"x"
                tunnel.client.kill()
                assert read_all(of_whole) == 45_000
                with pytest.raises(ConnectionResetError):
                    read_all(of_part)
    assert tunnel.proxy.wait(20) == 69, tunnel.log()
