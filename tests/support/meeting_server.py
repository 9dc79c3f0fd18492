"""meeting_server.py PAGE HTTP_PORT STUN_PORT: where two browsers meet. Hands out PAGE, passes messages between the names
that the browsers have, tells each by STUN (RFC 5389) which address it is seen with, and prints what they say."""

import collections
import http.server
import ipaddress
import os
import queue
import socket
import struct
import sys
import threading

_COOKIE = 0x2112A442
_BINDING, _SUCCESS, _XOR_MAPPED_ADDRESS = 0x0001, 0x0101, 0x0020
_LONG_POLL = 10


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    page = b""
    boxes = collections.defaultdict(queue.Queue)

    def _answer(self, body=b"", status=200):
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        """/for/NAME: the next message; 204 if there is none for a while."""
        if not self.path.startswith("/for/"):
            self._answer(self.page if self.path == "/" else b"")
            return
        try:
            self._answer(self.boxes[self.path[5:]].get(timeout=_LONG_POLL))
        except queue.Empty:
            self._answer(status=204)

    def do_POST(self):  # pylint: disable=invalid-name
        """/for/NAME: a message for it. /said/NAME: what that one has to say."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/for/"):
            self.boxes[self.path[5:]].put(body)
        else:
            # In one piece: several threads are here at a time.
            line = f"{self.path.rpartition('/')[2]} said {body.decode()}\n"
            os.write(sys.stdout.fileno(), line.encode())
        self._answer()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def mapped(address, transaction):
    seen = ipaddress.ip_address(address[0])
    v4 = seen.ipv4_mapped or seen
    key = struct.pack("!I", _COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(v4.packed, key))
    return struct.pack("!BBH", 0, 1 if v4.version == 4 else 2, address[1] ^ (_COOKIE >> 16)) + hidden


def serve_stun(port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind(("::", port))
        while True:
            request, address = server.recvfrom(2000)
            kind, _, cookie = struct.unpack("!HHI", request[:8])
            if (kind, cookie) == (_BINDING, _COOKIE):
                value = mapped(address, request[8:20])
                head = struct.pack("!HHI", _SUCCESS, 4 + len(value), _COOKIE) + request[8:20]
                server.sendto(head + struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value, address)


def main():
    with open(sys.argv[1], "rb") as file:
        Handler.page = file.read()
    server = Server(("::", int(sys.argv[2])), Handler)
    threading.Thread(target=serve_stun, args=(int(sys.argv[3]),), daemon=True).start()
    print("ready", flush=True)
    server.serve_forever()


main()
