"""`tfunnel run`: the network card that the program sees. All ways to choose it lead through the tunnel or nowhere."""

import json
import os
import socket
import struct
import subprocess

import netlab
import pytest
import topology

CAPTURES = False

KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
PER_FAMILY = pytest.mark.parametrize("family", [4, 6])
PORT = 7400
OWN = {4: "198.18.0.2", 6: "fd00:7466::2"}

# Sends "question" by the card, as told, and waits for "answer".
BY_CARD = """
import socket, struct, sys
family, kind, how, host, port = sys.argv[1:]
v4 = family == "4"
made = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, int(kind))
card = socket.if_nametoindex("eth0")
level = socket.IPPROTO_IP if v4 else socket.IPPROTO_IPV6
told = []
if how == "device":
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
elif how == "unicast interface":
    made.setsockopt(level, 50 if v4 else 76, struct.pack("!I", card))
elif how == "address":
    made.bind(("198.18.0.2" if v4 else "fd00:7466::2", 0))
elif how == "packet information":
    told = [(level, 8, struct.pack("=I8x", card)) if v4 else (level, 50, struct.pack("=16xI", card))]
if made.type == socket.SOCK_STREAM:
    made.connect((host, int(port)))
    made.sendall(b"question")
else:
    made.sendmsg([b"question"], told, 0, (host, int(port)))
print(made.recv(100).decode())
"""

# A line for each way: what becomes of it. Nothing has a time limit: what is not refused at once holds the test up.
TO_NOBODY = """
import errno, socket, struct, sys
card = socket.if_nametoindex("eth0")
def say(name, call):
    try:
        call()
    except OSError as error:
        print(name, "=", errno.errorcode[error.errno])
    else:
        print(name, "= came through")
def made(family, kind, device=None):
    one = socket.socket(family, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return one
def datagram(family, to, device=None):
    one = made(family, socket.SOCK_DGRAM, device)
    if family == socket.AF_INET:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=8xI", card))
    else:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, card)
    one.connect(to)
    one.send(b"x")
    one.recv(100)
def stream(family, to, device=None):
    made(family, socket.SOCK_STREAM, device).connect(to)
V4, V6 = socket.AF_INET, socket.AF_INET6
for device in (None, "eth0"):
    for name, family, to in (
        ("mdns", V4, ("224.0.0.251", 5353)), ("ssdp", V4, ("239.255.255.250", 1900)), ("dhcp", V4, ("255.255.255.255", 67)),
        ("mdns6", V6, ("ff02::fb", 5353, 0, card)), ("neighbour", V6, ("fe80::1", 53, 0, card)),
    ):
        say(f"{name} {device}", lambda: datagram(family, to, device))
    say(f"neighbour's server {device}", lambda: stream(V6, ("fe80::1", 80, 0, card), device))
    say(f"icmp {device}", lambda: datagram_icmp(device))
for family, to in ((V4, (sys.argv[1], 80)), (V6, (sys.argv[2], 80))):
    say(f"udp {family} far side", lambda: datagram(family, to, "veth0"))
say("tcp 6 far side", lambda: stream(V6, (sys.argv[2], 80), "veth0"))
for family, to in ((V4, "127.0.0.1"), (V6, "::1")):
    say(f"own localhost by the card {family}", lambda: stream(family, (to, 80), "eth0"))
"""
TO_NOBODY = TO_NOBODY.replace(
    "V4, V6 =",
    """def datagram_icmp(device):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    if device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    one.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 1]), (sys.argv[1], 0))
    one.recv(100)
V4, V6 =""",
)

# A library that lets the kernel know of no veth devices: it gets another word for them.
NO_VETH = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
  char *kind = memmem(data, size, "veth\\0", 5);
  if (kind) memcpy(kind, "none", 4);
  ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
  return next(fd, data, size, flags, to, length);
}
"""


def far_socket(lab, family, kind):
    made = lab.far.socket(KIND[family], kind, (topology.FAR[family], PORT))
    if kind == TCP:
        made.listen()
    return made


def answer(server, kind):
    """As the far host; says who asked."""
    if kind == UDP:
        question, peer = server.recvfrom(100)
        server.sendto(b"answer", peer)
    else:
        accepted, peer = server.accept()
        with accepted:
            accepted.settimeout(server.gettimeout())
            question = accepted.recv(100)
            accepted.sendall(b"answer")
    assert question == b"question"
    return peer[0]


def show(runs, *words, **more):
    done = runs.run("ip", "-j", *words, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_program_sees_a_card_with_addresses_that_are_usable_at_once(runs):
    """Not a loopback device, up, with a cable: else browsers say that they are offline."""
    cards = [card for card in show(runs, "addr") if card["addr_info"] and card["link_type"] == "ether"]
    assert [card["ifname"] for card in cards] == ["eth0"]
    (card,) = cards
    assert {"UP", "LOWER_UP", "BROADCAST", "MULTICAST"} <= set(card["flags"])
    assert card["operstate"] == "UP"
    assert {one["local"] for one in card["addr_info"]} == set(OWN.values())
    assert not any(one.get("tentative") for one in card["addr_info"])


@PER_FAMILY
def test_card_has_the_routes_and_sends_from_its_own_address(runs, family):
    (route,) = show(runs, "route", "get", topology.FAR[family])
    assert (route["dev"], route["prefsrc"]) == ("eth0", OWN[family])
    others = [one for one in show(runs, f"-{family}", "route", "show", "default") if one["dev"] != "eth0"]
    assert others == []


@PER_FAMILY
@pytest.mark.parametrize(
    "how, kind",
    [("device", TCP), ("device", UDP), ("unicast interface", TCP), ("unicast interface", UDP), ("address", TCP),
     ("address", UDP), ("packet information", UDP)],
)  # fmt: skip
def test_what_chooses_the_card_goes_through_the_tunnel(lab, runs, family, how, kind):
    with far_socket(lab, family, kind) as server:
        words = [family, int(kind), how, topology.FAR[family], PORT]
        run = runs.start("python3", "-c", BY_CARD, *words, stdout=subprocess.PIPE)
        assert answer(server, kind) == topology.FAR[family], "it came from the far end itself"
        assert run.popen.stdout.read() == b"answer\n"
        assert run.wait() == 0


def test_what_is_for_a_link_alone_is_refused_at_once_whatever_it_is_bound_to(runs):
    done = runs.run("python3", "-c", TO_NOBODY, topology.FAR[4], topology.FAR[6])
    lines = dict(line.split(" = ") for line in done.stdout.splitlines())
    assert done.returncode == 0 and len(lines) == 19, done.stdout + done.stderr
    assert "came through" not in lines.values(), lines


def frame(protocol, payload, to=b"\xff" * 6):
    return to + b"\x02\0\0\0\0\1" + struct.pack("!H", protocol) + payload


def forged_datagram(source, to, port):
    udp = struct.pack("!HHHH", 4000, port, 8 + 5, 0) + b"guess"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, *map(socket.inet_aton, (source, to)))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + udp


def test_nothing_is_received_by_the_card_whoever_makes_frames(runs):
    """Who may make frames there can send the program nothing that would look as if it came from the network."""
    run = runs.start("sleep", 600)
    netlab.wait_until(lambda: runs.parts(run.pid), what="the program")
    enter = runs.enter(runs.parts(run.pid)["program"])
    with enter:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with receiver, sender, packets:
        receiver.bind(("0.0.0.0", 0))
        receiver.settimeout(netlab.patient(10))
        port = receiver.getsockname()[1]
        for device in ("eth0", "veth0"):
            for to in (OWN[4], "255.255.255.255", "224.0.0.1"):
                packets.sendto(frame(0x0800, forged_datagram("203.0.113.99", to, port)), (device, 0))
        sender.sendto(b"from inside", (OWN[4], port))
        assert receiver.recvfrom(100)[0] == b"from inside", "the first that arrives"


def test_kernel_without_such_cards_has_the_loopback_device_as_ever(lab, runs):
    source, library = (os.path.join(runs.directory, name) for name in ("no_veth.c", "no_veth.so"))
    with open(source, "w", encoding="ascii") as file:
        file.write(NO_VETH)
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-o", library, source], check=True)
    runs.extra["LD_PRELOAD"] = library
    cards = show(runs, "addr", options=["-q"])
    assert [card["ifname"] for card in cards] == ["lo"]
    assert set(OWN.values()) <= {one["local"] for one in cards[0]["addr_info"]}
    with far_socket(lab, 4, TCP) as server:
        words = [4, int(TCP), "address", topology.FAR[4], PORT]
        run = runs.start("python3", "-c", BY_CARD.replace('"eth0"', '"lo"'), *words, stdout=subprocess.PIPE)
        answer(server, TCP)
        assert run.popen.stdout.read() == b"answer\n"
        assert run.wait() == 0
    assert "no network card" not in run.log()
    told = runs.run("true", options=["-v"])
    assert "no network card" in told.stderr
