"""`tfunnel run` keeps everything in: what leaves the machine while a program tries everything is the link alone."""

import contextlib
import os
import select
import socket
import struct
import subprocess
import threading

import netlab
import pytest
import runs as runs_module
import topology

CAPTURES = False
FAR_END_OPTIONS = ("--deny", "*")

SECRET = b"leak-detector"
ETH_P_ALL = 3
NEIGHBOUR_TYPES = set(range(130, 138)) | {143}

# Each attempt may fail as it likes, but at once: a program must not hang on what cannot work.
PROGRAM = f"""
import ctypes, os, socket, sys, time
SECRET = {SECRET!r}
libc = ctypes.CDLL(None, use_errno=True)
began = time.monotonic()

def attempt(name, call):
    try:
        print(name, "->", call())
    except OSError as problem:
        print(name, "->", problem)

def datagram(family, address, port=53, **options):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.settimeout(0.2)
    if options.get("broadcast"):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if options.get("device"):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options["device"].encode() + bytes(1))
    if options.get("mark"):
        made.setsockopt(socket.SOL_SOCKET, 36, options["mark"])
    if options.get("source"):
        made.bind((options["source"], 0))
    return made.sendto(SECRET, (address, port))

def raw(family, protocol, address):
    return socket.socket(family, socket.SOCK_RAW, protocol).sendto(SECRET * 3, (address, 0))

def other(kind, protocol):
    made = socket.socket(V4, kind, protocol)
    made.settimeout(0.2)
    made.connect(("192.0.2.2", 7))
    return made.send(SECRET)

def unix(path):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(1)
    made.connect(path)
    made.send(SECRET)
    return made.recv(100)

def enter(pid):
    fd = os.open(f"/proc/{{pid}}/ns/net", os.O_RDONLY)
    if libc.setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    return "entered"

V4, V6 = socket.AF_INET, socket.AF_INET6
for address in {[topology.LAN_HOST[4], topology.FAR_MGMT[4], topology.CLIENT_LAN[4], "224.0.0.251", "255.255.255.255",
                 "192.0.2.63", "169.254.169.254", "10.1.2.3"]!r}:
    attempt("udp " + address, lambda: datagram(V4, address, broadcast=True))
    for protocol in (1, 17, 47, 132, 255):
        attempt(f"raw {{protocol}} {{address}}", lambda: raw(V4, protocol, address))
for address in {[topology.LAN_HOST[6], topology.FAR_MGMT[6], "ff02::fb", "ff0e::1", "ff02::1"]!r}:
    attempt("udp " + address, lambda: datagram(V6, address))
    for protocol in (58, 17, 47, 132):
        attempt(f"raw {{protocol}} {{address}}", lambda: raw(V6, protocol, address))
for device in ("lo", "eth0", "veth0", "lan0", "wan0", "mgmt0"):
    for address in ("192.0.2.2", "224.0.0.251", "255.255.255.255", "127.0.0.1"):
        attempt(f"device {{device}} {{address}}", lambda: datagram(V4, address, device=device, broadcast=True))
    for address in ("2001:db8:1::2", "ff02::fb", f"fe80::1%{{device}}", "::1"):
        attempt(f"device {{device}} {{address}}", lambda: datagram(V6, address, device=device))
for mark in (1, 3):
    attempt(f"mark {{mark}}", lambda: datagram(V4, "192.0.2.2", mark=mark))
attempt("source", lambda: datagram(V4, "192.0.2.2", source="{topology.CLIENT_LAN[4]}"))
attempt("ping socket", lambda: socket.socket(V4, socket.SOCK_DGRAM, 1).sendto(SECRET, ("192.0.2.2", 0)))
attempt("sctp", lambda: socket.socket(V4, socket.SOCK_STREAM, 132).connect(("192.0.2.2", 7)))
# MPTCP, SMC, DCCP, UDP-Lite, L2TP: which of them the kernel has does not matter.
for kind, protocol in ((1, 262), (1, 256), (6, 33), (2, 136), (2, 115)):
    attempt(f"protocol {{protocol}}", lambda: other(kind, protocol))
for device in sys.argv[2].split(","):
    attempt("packet " + device, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300).sendto(SECRET * 9, (device, 0)))
attempt("abstract", lambda: unix("\\0tfunnel-test-" + sys.argv[1]))
for path in sys.argv[3:]:
    attempt("unix " + path, lambda: unix(path))
for pid in ("1", str(os.getppid()), "self"):
    attempt("setns " + pid, lambda: enter(pid))
attempt("unshare", lambda: libc.unshare(0x40000000))
print("took", time.monotonic() - began)
"""


class Sniffer:
    """Every frame that passes the client namespace's own interfaces, but for neighbour discovery and the link."""

    def __init__(self, namespace):
        """`namespace`: what enters it."""
        self.frames = []
        with namespace:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while True:
            ready, _, _ = select.select([self.socket, self.stop_read], [], [])
            if self.socket in ready:
                frame, address = self.socket.recvfrom(65536)
                if address[0] != "lo" and not self._expected(frame):
                    self.frames.append((address[0], frame[:120]))
            elif self.stop_read in ready:
                return

    @staticmethod
    def _expected(frame):
        kind = struct.unpack("!H", frame[12:14])[0]
        if kind == 0x0806:
            return True
        if kind == 0x86DD:
            hop_by_hop = frame[20] == 0
            protocol, at = (frame[54], 62) if hop_by_hop else (frame[20], 54)
            return protocol == 58 and frame[at] in NEIGHBOUR_TYPES
        ports = struct.unpack("!HH", frame[34:38]) if kind == 0x0800 and frame[23] == 6 else ()
        return runs_module.LINK_PORT in ports

    def close(self):
        os.close(self.stop_write)
        self.thread.join()
        self.socket.close()
        os.close(self.stop_read)
        return self.frames


class Listener:
    """A daemon's UNIX socket on the outside, like systemd-resolved's; anybody may connect.

    It hangs up on whoever has said something: what runs outside asks nscd for users, and would wait for it."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        if not path.startswith("\0"):
            os.chmod(path, 0o777)
        self.reached = False
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while True:
            ready, _, _ = select.select([self.socket, self.stop_read], [], [])
            if self.socket not in ready:
                return
            with self.socket.accept()[0] as made, contextlib.suppress(OSError):
                made.settimeout(1)
                self.reached |= SECRET in made.recv(1000)

    def close(self):
        """Who has connected is heard first. May be called again."""
        if self.socket.fileno() < 0:
            return
        os.close(self.stop_write)
        self.thread.join()
        os.close(self.stop_read)
        self.socket.close()


@pytest.fixture(name="daemons")
def _daemons(runs):
    """Sockets of services that would use the network (/run is the test's own), and one for --hide."""
    made = {}
    for path in ("/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/run/avahi-daemon/socket",
                 "/run/dbus/system_bus_socket", "/run/docker.sock", "/run/podman/podman.sock", "/run/systemd/private",
                 "/run/libvirt/libvirt-sock",
                 os.path.join(runs.directory, "mine")):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        made[path] = Listener(path)
    yield made
    for path, listener in made.items():
        listener.close()
        os.unlink(path)


def test_nothing_leaves_but_the_link_whatever_the_program_tries(lab, runs, daemons):
    with lab.client.enter():  # abstract sockets belong to a network namespace
        abstract = Listener("\0tfunnel-test-" + runs.mark)
    hidden = os.path.join(runs.directory, "mine")
    sniffer = Sniffer(lab.client.enter())
    try:
        done = runs.run("python3", "-c", PROGRAM, runs.mark, "lo,eth0,veth0", *daemons, options=["--hide", hidden])
    finally:
        frames = sniffer.close()
        abstract.close()
    assert done.returncode == 0 and "took" in done.stdout, done.stderr
    assert frames == [], done.stdout
    for listener in daemons.values():
        listener.close()
    reached = [path for path, listener in {**daemons, "abstract": abstract}.items() if listener.reached]
    assert reached == [], done.stdout
    # Root may enter the namespace that it and process 1 are in already; there is no other to be seen.
    elsewhere = [line for line in done.stdout.splitlines() if "entered" in line and line.split()[1] not in ("self", "1")]
    assert elsewhere == [], done.stdout
    assert float(done.stdout.split("took ")[1]) < netlab.patient(20), done.stdout


def test_card_of_the_program_carries_nothing_whatever_the_program_tries(lab, runs):
    """Its cable ends in the same namespace; all the same, what passes does not go over it. Root may make frames."""
    wait = 'read go; exec "$@"'
    words = ["sh", "-c", wait, "sh", "python3", "-c", PROGRAM, runs.mark, "lo"]
    run = runs.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    netlab.wait_until(lambda: runs.parts(run.pid), what="the program")
    sniffer = Sniffer(runs.enter(runs.parts(run.pid)["program"]))
    try:
        said, _ = run.popen.communicate(b"go\n", netlab.patient(60))
    finally:
        frames = sniffer.close()
    assert b"took" in said, run.log()
    assert frames == [], said.decode()


def test_sniffer_would_see_a_leak(lab, runs):
    sniffer = Sniffer(lab.client.enter())
    try:
        made = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.sendto(SECRET, (topology.LAN_HOST[4], 53))
        made.close()
        netlab.wait_until(lambda: any(SECRET in frame for _, frame in sniffer.frames), what="the frame")
    finally:
        sniffer.close()
    del runs


def test_hidden_resolver_directory_still_has_the_resolver_file(lab, runs):
    """systemd-resolved's way: /etc/resolv.conf is a link into the directory that has to be hidden."""
    folder = "/run/systemd/resolve"
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/stub-resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.53\n")
    script = ("mount -t tmpfs none /etc;"
              "ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf;"
              "cat /etc/resolv.conf; exec \"$@\"")
    prefix = ["unshare", "-m", "sh", "-c", script, "sh"]
    command = [*prefix, *runs.command("sh", "-c", "cat /etc/resolv.conf; ls /run/systemd/resolve; touch /etc/resolv.conf")]
    try:
        done = lab.client.run(command, check=False, env=runs.environment())
    finally:
        os.unlink(folder + "/stub-resolv.conf")
    assert done.stdout.splitlines()[0] == "nameserver 127.0.0.53"
    assert "nameserver 198.18.0.53" in done.stdout and done.stdout.count("127.0.0.53") == 1, done.stderr
    assert done.stdout.split()[-2:] == ["resolv.conf", "stub-resolv.conf"]
