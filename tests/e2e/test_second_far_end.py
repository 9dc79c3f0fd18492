"""A far end that was written from proto/PROTOCOL.md alone must carry everything: else the document lacks something, or
the client does not do what it says."""

import concurrent.futures
import hashlib
import os
import signal
import socket
import struct
import subprocess

import isolation
import netlab
import pytest
import raw_peer
import topology
import traffic_talk
from test_dns import NAME, NAMESERVER, RESOLVER, short, start_dnsmasq

FAMILIES = pytest.mark.parametrize("family", [4, 6])
FAR_END = os.path.join(topology.REPOSITORY, "tests", "support", "second_far_end")
COMMAND = ["/usr/bin/python3", FAR_END]
PORT = 7300
LINK_PORT = 7101
BULK = 6_000_000
ENDED = "reset,refused,unreachable"
PROTOCOL_ERROR = 76


@pytest.fixture(name="second")
def _second(server, start_tunnel):
    """A tunnel to it. Whatever the test does, it has nothing to complain of, and does not stumble itself."""
    del server
    tunnel = start_tunnel(proxy_command=" ".join(COMMAND))
    yield tunnel
    assert tunnel.proxy.log() == ""


@pytest.fixture(name="pair")
def _pair(lab, second):
    """pair(family) -> the two ends of one connection through the tunnel: the application's and the server's."""
    del second
    made = []

    def connect(family=4):
        address = topology.FAR[family], PORT
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        with lab.far.socket(kind, socket.SOCK_STREAM, bind=address) as listener:
            # So little that the far end has to hold much: else the kernel would, whatever becomes of the link.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            listener.listen()
            made.append(lab.client.connect(*address))
            made.append(listener.accept()[0])
        made[-1].settimeout(netlab.patient(10))
        return made[-2:]

    yield connect
    for end in made:
        end.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def is_reset(sock):
    """Until the end, past all data."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


# --- TCP -----------------------------------------------------------------------------------------


def _send(sock, payload):
    sock.sendall(payload)
    sock.shutdown(socket.SHUT_WR)


def _checksum(sock):
    found = hashlib.sha256()
    while piece := sock.recv(65536):
        found.update(piece)
    return found.hexdigest()


@FAMILIES
def test_bulk_of_both_directions_arrives(pair, family):
    """At the same time, and many windows of it."""
    ends = pair(family)
    payloads = [os.urandom(BULK), os.urandom(BULK)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        received = [pool.submit(_checksum, end) for end in reversed(ends)]
        sent = [pool.submit(_send, end, payload) for end, payload in zip(ends, payloads)]
        assert [future.result() for future in sent] == [None, None]
        assert [future.result() for future in received] == [hashlib.sha256(p).hexdigest() for p in payloads]


@FAMILIES
@pytest.mark.parametrize("kind", ["read_first", "write_first", "duplex", "up_close", "down_close"])
def test_every_order_of_ending(lab, second, kind, family):
    del second
    words = ["--count", 20, "--parallel", 10, "--kinds", kind, "--max-size", 300_000]
    lab.traffic(lab.client, "flows", *words, to=topology.FAR[family])


@pytest.mark.parametrize("first", [0, 1], ids=["application", "server"])
def test_half_closed_connection_carries_the_other_direction(pair, first):
    closes, goes_on = pair()[:: -1 if first else 1]
    closes.shutdown(socket.SHUT_WR)
    assert goes_on.recv(1) == b""
    goes_on.sendall(b"still here")
    assert traffic_talk.receive_exactly(closes, 10) == b"still here"
    goes_on.shutdown(socket.SHUT_WR)
    assert closes.recv(1) == b""


@pytest.mark.parametrize("first", [0, 1], ids=["application", "server"])
def test_reset_is_a_reset_at_the_other_end(pair, first):
    resets, other = pair()[:: -1 if first else 1]
    resets.sendall(b"hello")
    assert traffic_talk.receive_exactly(other, 5) == b"hello"
    reset(resets)
    assert is_reset(other)


def test_reset_behind_a_fin_is_a_reset(pair):
    """The grammar of a flow permits it: Fin, then Reset."""
    application, server = pair()
    server.shutdown(socket.SHUT_WR)
    assert application.recv(1) == b""
    reset(application)
    assert is_reset(server)


@pytest.mark.parametrize(
    "where, reason",
    [
        ({"to": topology.FAR[4], "port": topology.CLOSED_PORT}, "connection refused"),
        ({"to": topology.FAR[6], "port": topology.CLOSED_PORT}, "connection refused"),
        ({"to": topology.UNREACHABLE_HOST[4]}, "host unreachable"),
        ({"to": topology.NO_ROUTE[6]}, "network unreachable"),
    ],
    ids=["refused", "refused over IPv6", "host", "network"],
)
def test_connection_that_cannot_be_made_ends_with_its_reason(lab, second, where, reason):
    lab.expect(lab.client, ENDED, "--send", 1000, **where)
    second.client.wait_for_log(reason)


def test_many_flows_at_once(lab, second):
    del second
    lab.traffic(lab.client, "flows", "--count", 300, "--parallel", 150, "--max-size", 50_000)


@pytest.mark.parametrize("mode", ["unread-up", "unread-down"])
def test_flows_that_nobody_reads_hold_up_no_other(lab, second, server, mode):
    del second
    words = ["--count", "10", "--mode", mode, "--to", topology.FAR[4], "--port", str(topology.SERVER_PORT)]
    idle = lab.client.start([topology.traffic(), "idle", *words], name="stalled")
    idle.wait_for_log("ready")
    lab.traffic(lab.client, "flows", "--count", 20, "--parallel", 10, "--max-size", 100_000)
    idle.terminate()
    server.kill()  # else the tunnel would wait for it to read what the others had sent


# --- UDP -----------------------------------------------------------------------------------------


@FAMILIES
def test_datagrams_of_any_size(lab, second, family):
    del second
    lab.traffic(lab.client, "udp-sizes", to=topology.FAR[family])


@FAMILIES
def test_stranger_may_answer_and_be_answered(lab, second, family):
    """One flow for all peers, named by each datagram."""
    del second
    stranger = topology.FAR_OTHER[family], 7302
    order = traffic_talk.udp_order("reply_from", rest=f"{stranger[0]} {stranger[1]}".encode())
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    with lab.client.socket(kind, socket.SOCK_DGRAM) as sock:
        for peer, payload in (((topology.FAR[family], topology.SERVER_PORT), order), (stranger, b"and back")):
            sock.sendto(payload, peer)
            assert sock.recvfrom(100)[1][:2] == stranger


@FAMILIES
def test_icmp_error_reaches_the_application(lab, second, family):
    del second
    lab.expect(lab.client, "refused", "--udp", to=topology.FAR[family], port=topology.CLOSED_PORT)
    result = lab.expect(lab.client, "unreachable", "--udp", "--recverr", to=topology.NO_ROUTE[family])
    assert result["errno"] == "ENETUNREACH"


# --- names ---------------------------------------------------------------------------------------


@pytest.fixture(name="names")
def _names(lab):
    """A nameserver that only the far host knows."""
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER[4]}\n"):
        yield start_dnsmasq(lab, NAMESERVER[4])


@FAMILIES
@pytest.mark.parametrize("words", [[], ["+tcp"]], ids=["udp", "tcp"])
def test_resolver_of_the_far_host_answers(lab, names, second, family, words):
    del names, second
    assert short(lab.client, RESOLVER[family], NAME, *words) == [topology.FAR[4]]
    assert short(lab.client, RESOLVER[family], NAME, "AAAA", *words) == [topology.FAR[6]]


def test_nothing_but_dns_is_served_there(lab, second):
    del second
    lab.expect(lab.client, ENDED, to=RESOLVER[4], port=80)
    lab.expect(lab.client, "refused", "--udp", to=RESOLVER[6], port=80)


# --- the link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["client", "proxy"])
def test_what_was_written_before_the_end_arrives(pair, second, end):
    """Either end asks the other what is left before it says GoAway; both end with 0."""
    application, server = pair()
    payload = os.urandom(1_000_000)
    for writer in (application, server):
        writer.sendall(payload)
    getattr(second, end).signal(signal.SIGTERM)
    # Nobody has read yet, so nobody may end, however long this waits.
    with pytest.raises(netlab.LabError):
        getattr(second, end).wait(0.05)
    for reader in (server, application):
        assert traffic_talk.receive_exactly(reader, len(payload)) == payload
    assert second.statuses() == (0, 0)


def test_link_that_was_suspended_goes_on(lab, second):
    """Neither acknowledgements nor pings that wait are lost, and what waits is no silence."""
    with traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT) as flow:
        assert traffic_talk.echoes(flow)
        second.proxy.signal(signal.SIGSTOP)
        flow.sendall(b"x" * 50_000)
        second.proxy.signal(signal.SIGCONT)
        assert traffic_talk.receive_exactly(flow, 50_000) == b"x" * 50_000


def test_program_of_run_uses_it(lab, server, names, runs):
    del server, names
    listen = f"TCP-LISTEN:{LINK_PORT},bind={topology.FAR_MGMT[4]},reuseaddr,fork"
    link = lab.far.start(["socat", listen, "EXEC:" + " ".join(COMMAND)], name="second-far-end")
    netlab.wait_listening(lab.far, "tcp", LINK_PORT, process=link)
    runs.via = f"exec socat - TCP:{topology.FAR_MGMT[4]}:{LINK_PORT}"
    for command in (["flows", "--count", 10, "--max-size", 100_000], ["udp-rtt", "--count", 20]):
        for address in (topology.FAR[4], topology.FAR[6]):
            done = runs.run(topology.traffic(), *command, "--to", address, "--port", topology.SERVER_PORT)
            assert done.returncode == 0, done.stderr
    done = runs.run("dig", "+short", "+time=20", NAME)
    assert done.stdout.split() == [topology.FAR[4]], done.stderr


# --- right and wrong input -----------------------------------------------------------------------

HELLO = raw_peer.hello()
UDP_FLOW = HELLO + raw_peer.open_udp(1)
TCP_FLOW = HELLO + raw_peer.open_tcp(1, "127.0.0.1", 1, early=1_000)
BOTH = pytest.mark.parametrize("program", ["second", "tfunnel"])
ENDED_WITHOUT_GOAWAY = 69


def say(program, sent, greeting=raw_peer.GREETING):
    """What a far end does that gets these bytes and then the end of the link."""
    command = COMMAND if program == "second" else [topology.tfunnel_proxy()]
    return subprocess.run(command, input=greeting + sent, capture_output=True, timeout=netlab.patient(10), check=False)


def one(kind, *fields):
    return raw_peer.frame(kind, *fields)


def of_flow(kind, flow=1):
    return one(kind, raw_peer.number(1, flow))


def repeated_greeting():
    content = raw_peer.piece(16, raw_peer.GREETING + HELLO)
    return raw_peer.varint(len(content)) + content


def data_behind(size):
    """A Data whose payload has so many bytes of its message before it."""
    return one(raw_peer.DATA, raw_peer.number(1, 1), raw_peer.piece(16, bytes(size - 11)), raw_peer.piece(15, b"x"))


def unknown(size):
    """A frame of an unknown kind; from 132 bytes on, so that its own length takes two."""
    return raw_peer.varint(size) + raw_peer.piece(100, bytes(size - 4))


WRONG = [
    ("the first frame is not Hello", one(raw_peer.PING) + HELLO, one(raw_peer.GO_AWAY), b"\0" + HELLO, unknown(200) + HELLO),
    ("a second Hello arrived", HELLO * 2),
    ("both ends have the same role", one(raw_peer.HELLO, raw_peer.number(2, 2))),
    ("a frame is larger than 1 MiB", HELLO + raw_peer.varint(1_048_641), HELLO + unknown(16_385)),
    (
        "a frame cannot be parsed",
        HELLO + b"\x02\x0a\x01",
        HELLO + one(raw_peer.ACK, raw_peer.number(1, 1 << 40)),
        one(raw_peer.HELLO, raw_peer.number(2, 7)),
        TCP_FLOW + data_behind(1_025),
        UDP_FLOW + one(raw_peer.DATAGRAM, raw_peer.number(1, 1), raw_peer.piece(15, b"x")),
        HELLO + one(raw_peer.GO_AWAY, raw_peer.piece(2, b"\xff")),
    ),
    (
        "a payload is not the last field of its frame",
        TCP_FLOW + one(raw_peer.DATA, raw_peer.piece(15, b"x"), raw_peer.number(1, 1)),
    ),
    (
        "a frame names a flow that was never opened",
        HELLO + raw_peer.data(1, b"x"),
        UDP_FLOW + of_flow(raw_peer.RESET, 3),
        HELLO + of_flow(raw_peer.OPENED),
    ),
    (
        "a new flow has an id that is not free",
        HELLO + raw_peer.open_udp(2),
        UDP_FLOW + raw_peer.open_udp(1),
        HELLO + raw_peer.open_udp(2_147_483_647),
        UDP_FLOW + of_flow(raw_peer.OPENED),
    ),
    ("a frame does not fit the transport of its flow", UDP_FLOW + raw_peer.data(1, b"x"), UDP_FLOW + of_flow(raw_peer.CREDIT)),
    ("more data arrived than was granted", HELLO + raw_peer.open_tcp(1, "127.0.0.1", 1, early=70_000)),
    (
        "an Open frame is incomplete or has a bad address",
        HELLO + one(raw_peer.OPEN, raw_peer.number(1, 1), raw_peer.number(2, 2)),
        HELLO + raw_peer.open_tcp(1, "127.0.0.1", 1, early=0, credit=(1 << 30) + 1),
    ),
]


@BOTH
@pytest.mark.parametrize(
    "text, sent",
    [pytest.param(text, sent, id=f"{text}, {number}") for text, *all_sent in WRONG for number, sent in enumerate(all_sent, 1)],
)
def test_wrong_input_ends_the_link_with_the_text_of_the_document(program, text, sent):
    ended = say(program, sent)
    assert ended.returncode == PROTOCOL_ERROR
    assert ended.stdout.endswith(text.encode()), "no GoAway at the end, or words behind it"
    if program == "second":
        # libprotobuf itself may have said something before.
        assert ended.stderr.decode().endswith(f"second far end: {text}\n")


@BOTH
@pytest.mark.parametrize(
    "sent",
    [
        TCP_FLOW + data_behind(1_024),
        HELLO + unknown(16_384) + b"\0",
        UDP_FLOW + one(raw_peer.DATAGRAM_ERROR, raw_peer.number(1, 1), raw_peer.piece(2, raw_peer.endpoint("192.0.2.1", 0))),
        HELLO + raw_peer.open_udp(7) + of_flow(raw_peer.RESET, 3),
        HELLO + raw_peer.open_udp(2_147_483_645),
    ],
    ids=["1,024 bytes before a payload", "unknown and empty frames", "error from a client", "a gap", "highest first id"],
)
def test_what_the_document_permits_is_taken(program, sent):
    """So the end of the link is what ends it."""
    ended = say(program, sent)
    assert (ended.returncode, ended.stderr.count(b"protocol error")) == (ENDED_WITHOUT_GOAWAY, 0), ended.stderr


@BOTH
@pytest.mark.parametrize("first", [raw_peer.GREETING + HELLO, b"login: "], ids=["heard", "spoilt"])
def test_repeated_greeting_is_skipped_or_found(program, first):
    """What follows is understood in both cases: here a frame that is wrong."""
    ended = say(program, repeated_greeting() + raw_peer.open_udp(2), first)
    assert ended.stdout.endswith(b"a new flow has an id that is not free")
    assert ended.returncode == PROTOCOL_ERROR


@BOTH
@pytest.mark.parametrize("greeting", [raw_peer.GREETING[:-1] + b"\2", b"x" * 70_000], ids=["version", "noise"])
def test_nobody_is_told_where_there_is_no_tunnel(program, greeting):
    ended = say(program, HELLO, greeting)
    assert ended.returncode == PROTOCOL_ERROR
    assert len(ended.stdout) < 100, "more than the greeting and Hello"
