#!/usr/bin/env python3
"""The programs of quickstart.sh's demonstration: servers, and a visitor that knows of no tunnel.

demo_programs.py serve          serves TCP and UDP on port 7000 of all addresses
demo_programs.py visit HOST...  talks to them and prints what it saw
"""

import errno
import socket
import statistics
import struct
import sys
import threading
import time

PORT = 7000
CLOSED_PORT = 7
BULK_SECONDS = 2.0
ROUND_TRIPS = 200
BLOCK = memoryview(bytes(1 << 20))


# --- servers -------------------------------------------------------------------------------------


def _discard(connection):
    """Reads to the end and says how much it was."""
    buffer = bytearray(len(BLOCK))
    total = 0
    while count := connection.recv_into(buffer):
        total += count
    connection.sendall(struct.pack("!Q", total))


def _send_for_a_while(connection):
    end = time.monotonic() + BULK_SECONDS
    while time.monotonic() < end:
        connection.sendall(BLOCK)


def _echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def _serve_connection(connection):
    orders = {b"U": _discard, b"D": _send_for_a_while, b"E": _echo}
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        order = connection.recv(1)
        if order in orders:
            orders[order](connection)


def _serve_tcp(listener):
    while True:
        connection, _peer = listener.accept()
        threading.Thread(target=_serve_connection, args=(connection,), daemon=True).start()


def _serve_udp(sock):
    while True:
        datagram, peer = sock.recvfrom(65536)
        sock.sendto(datagram, peer)


def serve():
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    echo.bind(("::", PORT))
    threading.Thread(target=_serve_udp, args=(echo,), daemon=True).start()
    _serve_tcp(listener)


# --- visitor -------------------------------------------------------------------------------------


def _order(host, order):
    connection = socket.create_connection((host, PORT), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(order)
    return connection


def _median_ms(exchange):
    times = []
    for _ in range(ROUND_TRIPS):
        start = time.perf_counter()
        exchange()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _visit_tcp(host):
    with _order(host, b"E") as connection:

        def exchange():
            connection.sendall(b"hello")
            if connection.recv(5, socket.MSG_WAITALL) != b"hello":
                sys.exit(f"{host} answered something else")

        return _median_ms(exchange)


def _visit_udp(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)

        def exchange():
            sock.sendto(b"hello", (host, PORT))
            answer, peer = sock.recvfrom(65536)
            if answer != b"hello" or peer[:2] != (host, PORT):
                sys.exit(f"{host} answered something else")

        return _median_ms(exchange)


def _upload(host):
    with _order(host, b"U") as connection:
        start = time.monotonic()
        while time.monotonic() < start + BULK_SECONDS:
            connection.sendall(BLOCK)
        connection.shutdown(socket.SHUT_WR)
        (total,) = struct.unpack("!Q", connection.recv(8, socket.MSG_WAITALL))
        return total / (time.monotonic() - start)


def _download(host):
    with _order(host, b"D") as connection:
        buffer = bytearray(len(BLOCK))
        total = 0
        start = time.monotonic()
        while count := connection.recv_into(buffer):
            total += count
        return total / (time.monotonic() - start)


def _speed(rate):
    return f"{rate / 1e6:6.0f} MB/s  ({rate * 8 / 1e9:.1f} Gbit/s)"


def _refused(host):
    """A closed port: the reset must come at once, not after a timeout."""
    start = time.perf_counter()
    try:
        with socket.create_connection((host, CLOSED_PORT), timeout=10) as connection:
            connection.recv(1)
        sys.exit(f"{host} port {CLOSED_PORT} should refuse")
    except OSError as error:
        if error.errno not in (errno.ECONNRESET, errno.ECONNREFUSED):
            raise
    return (time.perf_counter() - start) * 1000


def visit(hosts):
    for host in hosts:
        version = "IPv6" if ":" in host else "IPv4"
        print(f"  TCP over {version}  {host:<15} round trip {_visit_tcp(host):.2f} ms")
        print(f"  UDP over {version}  {host:<15} round trip {_visit_udp(host):.2f} ms")
    host = hosts[0]
    print(f"  a closed port  {host:<15} reset after {_refused(host):.1f} ms")
    print(f"  upload         {host:<15} {_speed(_upload(host))}")
    print(f"  download       {host:<15} {_speed(_download(host))}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["visit"] and len(sys.argv) > 2:
        visit(sys.argv[2:])
    else:
        sys.exit(__doc__)
