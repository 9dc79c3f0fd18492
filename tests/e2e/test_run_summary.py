"""`tfunnel run --summary`: what passed, by destination, when all is over."""

import json

import topology

CAPTURES = False

CLOSED_PORT = 7


def rows(stderr):
    found = [json.loads(line) for line in stderr.splitlines()]
    return {(row["summary"], row["destination"]): row for row in found if "summary" in row}


def test_summary_tells_connections_bytes_and_refusals_by_destination(lab, runs):
    lab.serve()
    server = f"{topology.FAR[4]}:{topology.SERVER_PORT}"
    program = ("import socket, sys\n"
               f"to = ({topology.FAR[4]!r}, {topology.SERVER_PORT})\n"
               "with socket.create_connection(to) as made: made.sendall(b'x' * 1000)\n"
               f"try: socket.create_connection(({topology.FAR[4]!r}, {CLOSED_PORT})).recv(1)\n"
               "except OSError: pass\n"
               "made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               f"made.sendto(b'y' * 300, ({topology.FAR[4]!r}, {CLOSED_PORT}))\n"
               "made.connect(to)\n")
    done = runs.run("python3", "-c", program, options=["--summary", "--log-format", "json"])
    assert done.returncode == 0, done.stderr
    told = rows(done.stderr)
    assert told["tcp", server]["connections"] == 1 and told["tcp", server]["sent"] == 1000, told
    refused = told["tcp", f"{topology.FAR[4]}:{CLOSED_PORT}"]
    assert (refused["connections"], refused["refused"]) == (0, 1), told
    assert refused["reasons"] == {"connection refused": 1}, told
    datagram = told["udp", f"{topology.FAR[4]}:{CLOSED_PORT}"]
    assert (datagram["datagrams"], datagram["sent"]) == (1, 300), told


def test_summary_for_people_is_a_table_after_all_else(lab, runs):
    lab.serve()
    words = ["flows", "--count", 5, "--to", topology.FAR[6], "--port", topology.SERVER_PORT]
    done = runs.run(topology.traffic(), *words, options=["--summary", "--quiet"])
    last = done.stderr.splitlines()[-1].split()
    assert last[:2] == ["tcp", f"[{topology.FAR[6]}]:{topology.SERVER_PORT}"], done.stderr
    connections, sent, received, refused = map(int, last[2:])
    assert connections >= 5 and sent > 0 and received > 0 and refused == 0, done.stderr


def test_without_the_option_there_is_no_summary(lab, runs):
    lab.serve()
    done = runs.run("true", options=["--quiet"])
    assert done.stderr == "", done.stderr
