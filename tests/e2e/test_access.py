"""A shared far end: what its rules deny is reset or answered with ICMP at once, and logged once a flow."""

import os
import re
import socket

import links
import netlab
import pytest
import topology

FAMILIES = pytest.mark.parametrize("family", [4, 6])
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
VIRTUAL = {4: "198.18.0.1", 6: "2001:2::1"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ENDED = "reset,refused,unreachable"
EXAMPLE = os.path.join(topology.REPOSITORY, "examples/authorized_keys")


def network_of(family):
    return {4: f"{topology.FAR[4]}/32", 6: f"[{topology.FAR[6]}/128]"}[family]


def count_of(tunnel, pattern):
    return len(re.findall(pattern, tunnel.log()))


@FAMILIES
def test_denied_destination_is_reset_and_allowed_one_is_not(lab, server, start_tunnel, family):
    del server
    tunnel = start_tunnel(proxy_args=f"--allow '{network_of(family)}:{topology.SERVER_PORT}'")
    lab.traffic(lab.client, "flows", "--count", 5, to=topology.FAR[family])
    assert lab.expect(lab.client, ENDED, to=topology.FAR_OTHER[family])["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("refused: tcp .*no --allow matches")
    assert count_of(tunnel, "refused: tcp") == 1


@FAMILIES
def test_denied_datagram_is_administratively_prohibited(lab, server, start_tunnel, family):
    """ICMP 3/13 and ICMPv6 1/1, which Linux tells a socket that asks as EHOSTUNREACH and EACCES."""
    del server
    tunnel = start_tunnel(proxy_args=f"--deny '{network_of(family)}:{topology.SERVER_PORT}'")
    where = {"to": topology.FAR[family], "check": False}
    result = lab.expect(lab.client, "unreachable", "--udp", "--recverr", **where)
    assert (result["icmp_type"], result["icmp_code"]) == {4: (3, 13), 6: (1, 1)}[family], result
    lab.expect(lab.client, "reply", "--udp", to=topology.FAR_OTHER[family])
    tunnel.wait_for_log("refused: udp .*--deny")


def test_one_log_line_for_a_flow_of_denied_datagrams(lab, server, start_tunnel):
    del server
    tunnel = start_tunnel(proxy_args=f"--deny {topology.FAR[4]}")
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(5):
            sock.sendto(b"x", (topology.FAR[4], topology.SERVER_PORT))
        sock.sendto(b"still open", (topology.FAR_OTHER[4], topology.SERVER_PORT))
        assert sock.recv(100) == b"still open"
    assert count_of(tunnel, "refused: udp") == 1


@FAMILIES
def test_order_of_rules_matters(lab, server, start_tunnel, family):
    del server
    network = {4: "203.0.113.0/24", 6: "2001:db8:f::/48"}[family]
    start_tunnel(proxy_args=f"--deny {topology.FAR_OTHER[family]} --allow {network}")
    lab.traffic(lab.client, "flows", "--count", 2, to=topology.FAR[family])
    lab.expect(lab.client, ENDED, to=topology.FAR_OTHER[family])


def loopback_server(lab, family):
    """An echo in far that only its own loopback reaches, over TCP and UDP."""
    address = f"[{LOOPBACK[6]}]" if family == 6 else LOOPBACK[4]
    kinds = {"tcp": f"TCP{family}-LISTEN:7777,bind={address},fork", "udp": f"UDP{family}-LISTEN:7777,bind={address},fork"}
    for kind, words in kinds.items():
        process = lab.far.start(["socat", words, "EXEC:cat"], name=f"loopback-{kind}")
        netlab.wait_listening(lab.far, kind, 7777, process=process)


@FAMILIES
def test_far_loopback_serves_what_only_listens_there(lab, start_tunnel, family):
    loopback_server(lab, family)
    start_tunnel(proxy_args="--far-loopback")
    with lab.client.connect(VIRTUAL[family], 7777) as tcp:
        tcp.sendall(b"over tcp")
        assert tcp.recv(100) == b"over tcp"
    with lab.client.socket(KIND[family], socket.SOCK_DGRAM) as udp:
        udp.sendto(b"over udp", (VIRTUAL[family], 7777))
        data, source = udp.recvfrom(100)
        assert (data, source[0]) == (b"over udp", VIRTUAL[family])


@FAMILIES
def test_far_loopback_is_refused_with_the_option_that_is_missing(lab, start_tunnel, family):
    loopback_server(lab, family)
    tunnel = start_tunnel()
    assert lab.expect(lab.client, ENDED, to=VIRTUAL[family], port=7777)["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log(r"refused: tcp .*--far-loopback")


def test_far_loopback_address_can_be_another(lab, start_tunnel):
    loopback_server(lab, 4)
    start_tunnel(proxy_args="--far-loopback --far-loopback-address 203.0.113.200")
    with lab.client.connect("203.0.113.200", 7777) as tcp:
        tcp.sendall(b"hello")
        assert tcp.recv(100) == b"hello"


@FAMILIES
def test_metadata_service_is_denied_by_default(lab, start_tunnel, family):
    """A real listener at the address, so that only the rule keeps the client from it."""
    address = {4: "169.254.169.254", 6: "fd00:ec2::254"}[family]
    lab.far.ip(f"{'-6 ' if family == 6 else ''}addr add {address} dev lo")
    lab.serve(7080)
    tunnel = start_tunnel()
    lab.expect(lab.client, ENDED, to=address, port=7080)
    tunnel.wait_for_log("refused: tcp .*no --allow names this")


def use_example(lab, keys, line_of):
    """The example's line for one user, with the test's key in place of the user's."""
    with open(os.path.join(keys, "user_key.pub"), encoding="ascii") as file:
        key = " ".join(file.read().split()[:2])
    with open(EXAMPLE, encoding="ascii") as file:
        text = file.read()
    assert "ssh-ed25519 AAAA " + line_of in text
    path = os.path.join(lab.directory, "authorized_keys")
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("ssh-ed25519 AAAA " + line_of, f"{key} {line_of}"))
    return path


def start_over_sshd(lab, commands, start_tunnel, keys, line_of):
    path = use_example(lab, keys, line_of)
    commands.start_sshd(authorized_keys=path)
    # Another command runs than the user asks for.
    return start_tunnel(links.link_coproc, proxy_command="ssh host 'tfunnel --allow 0.0.0.0/0'")


def test_authorized_keys_example_limits_its_user(lab, server, commands, start_tunnel, keys):
    del server
    start_over_sshd(lab, commands, start_tunnel, keys, "alice@example.org")
    for family in (4, 6):
        lab.traffic(lab.client, "flows", "--count", 3, to=topology.FAR[family])
        lab.expect(lab.client, "reply", "--udp", to=topology.FAR[family])
    lab.expect(lab.client, ENDED, to=topology.FAR_OTHER[4])
    lab.expect(lab.client, ENDED, to=VIRTUAL[4])


def test_authorized_keys_example_offers_one_loopback_port(lab, server, commands, start_tunnel, keys):
    del server
    start_over_sshd(lab, commands, start_tunnel, keys, "monitor@example.org")
    lab.traffic(lab.client, "flows", "--count", 3, to=VIRTUAL[4])
    lab.expect(lab.client, ENDED, to=topology.FAR[4])
    lab.expect(lab.client, ENDED, to=VIRTUAL[4], port=topology.SSH_PORT)


def test_user_of_the_example_gets_no_shell(lab, commands, keys):
    path = use_example(lab, keys, "alice@example.org")
    commands.start_sshd(authorized_keys=path)
    ssh = lab.client.start([os.path.join(commands.client_bin, "ssh"), "host", "echo a shell"])
    ssh.wait()
    assert "a shell" not in ssh.log()
    assert "tfunnel proxy" in ssh.log(), "ssh itself did not work"
