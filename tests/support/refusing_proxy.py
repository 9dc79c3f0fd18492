"""refusing_proxy.py PORT STATUS [COUNT-FILE]: an HTTP proxy that refuses everything by this status.

Each request that shows credentials adds a byte to the file. 407 asks for Basic; the connection is kept.
"""

import socket
import sys
import threading


def serve(connection, status, count_file):
    challenge = 'Proxy-Authenticate: Basic realm="x"\r\n' if status == "407" else ""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            try:
                more = connection.recv(4096)
            except OSError:
                return
            if not more:
                return
            pending += more
        head, _, pending = pending.partition(b"\r\n\r\n")
        if b"proxy-authorization" in head.lower() and count_file:
            with open(count_file, "ab", buffering=0) as file:
                file.write(b"x")
        connection.sendall(f"HTTP/1.1 {status} No\r\n{challenge}Content-Length: 0\r\n\r\n".encode())


def main():
    port, status, count_file = int(sys.argv[1]), sys.argv[2], (sys.argv + [None])[3]
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], status, count_file), daemon=True).start()


main()
