"""The behaviour of curl where a proxy answers oddly: plays the tables of tests/integration/tables to the real curl.

    odd_answers.py TABLE.json            writes the table anew, with what curl did
    odd_answers.py --check TABLE.json    lists where this curl does something else

A table is a list of cases. In an answer {text*count} stands for text so many times over, and each character for one
byte. HTTP: the answers to the requests, one after the other, over whatever connection they come; SOCKS5: to what the
client says, one after the other. Behind the last, `end` says what becomes of the connection.
"""

import json
import re
import socket
import struct
import subprocess
import sys
import threading

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
DESTINATION = "203.0.113.7:80"


def expand(text):
    return re.sub(r"\{(.*?)\*(\d+)\}", lambda m: m[1] * int(m[2]), text, flags=re.S).encode("latin-1")


def read_request(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def end(connection, how):
    """True: the connection is as it was."""
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "open":
        return True
    connection.close()
    return False


class Player:
    """A server that plays one case."""

    def __init__(self, case, socks):
        self.case = case
        self.answers = [expand(answer) for answer in case["answers"]]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve_one = self.serve_socks if socks else self.serve_http
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    def serve(self, connection):
        try:
            self.serve_one(connection)
        except OSError:
            pass

    def serve_http(self, connection):
        while self.answers and read_request(connection):
            connection.sendall(self.answers.pop(0))
        if end(connection, self.case["end"]) and read_request(connection):
            connection.sendall(PAGE)

    def serve_socks(self, connection):
        while self.answers and connection.recv(600):
            connection.sendall(self.answers.pop(0))
        if end(connection, self.case["end"]) and read_request(connection):
            connection.sendall(PAGE)


def curl(case, socks):
    player = Player(case, socks)
    user = "alice:secret@" if case["credentials"] else ""
    way = ["--socks5-hostname"] if socks else ["--proxytunnel", "--proxy-anyauth", "--proxy"]
    command = ["curl", "-sS", "-m", "4", "--noproxy", "", *way, f"{user}127.0.0.1:{player.port}"]
    done = subprocess.run([*command, f"http://{DESTINATION}/"], capture_output=True, check=False)
    player.listener.close()
    if done.stdout == b"hello":
        return "tunnel"
    words = done.stderr.decode("latin-1").strip().splitlines() or [f"{len(done.stdout)} bytes of something else"]
    # Times differ from run to run.
    return f"{done.returncode}: " + re.sub(r"\d+ milliseconds", "4 s", words[0].partition(") ")[2] or words[0])


def write_table(path, cases):
    with open(path, "w", encoding="ascii") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


def main():
    path = sys.argv[-1]
    with open(path, encoding="ascii") as file:
        cases = json.load(file)
    for case in cases:
        found = curl(case, "socks5" in path)
        if found != case["curl"]:
            print(f"{case['name']}: {case['curl']!r} -> {found!r}")
        case["curl"] = found
    if "--check" not in sys.argv:
        write_table(path, cases)


if __name__ == "__main__":
    main()
