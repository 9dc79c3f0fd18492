"""An upstream SOCKS5 proxy, by a real one (dante): TCP, UDP, errors, and a password that stays secret."""

import os
import signal
import socket
import subprocess

import dante
import netlab
import pytest
import topology

FAMILIES = pytest.mark.parametrize("family", [4, 6])
KIND = {4: socket.AF_INET, 6: socket.AF_INET6}
ENDED = "reset,refused,unreachable"
SOCKS5 = f"--socks5 {dante.ADDRESS[4]}:{dante.PORT}"


@pytest.fixture
def upstream(lab):
    made = dante.make_network(lab)
    lab.serve(namespace=made)
    return made


@pytest.fixture
def proxy(upstream):
    return dante.start(upstream)


@FAMILIES
@pytest.mark.parametrize("by", [4, 6])
def test_flows_go_through_the_proxy(lab, proxy, start_tunnel, family, by):
    server = f"[{dante.ADDRESS[6]}]" if by == 6 else dante.ADDRESS[4]
    start_tunnel(proxy_args=f"--socks5 '{server}:{dante.PORT}'")
    lab.traffic(lab.client, "flows", "--count", 30, to=dante.INNER[family])
    assert dante.INNER[family] in proxy.log()


@FAMILIES
def test_datagrams_go_through_the_proxy(lab, proxy, start_tunnel, family):
    del proxy
    start_tunnel(proxy_args=SOCKS5)
    lab.expect(lab.client, "reply", "--udp", to=dante.INNER[family])
    lab.traffic(lab.client, "udp-rtt", "--count", 20, to=dante.INNER[family])


def test_bulk_goes_through_whole_in_both_directions(lab, proxy, start_tunnel):
    del proxy
    start_tunnel(proxy_args=SOCKS5)
    for direction in ("up", "down"):
        lab.traffic(lab.client, "bulk", "--direction", direction, "--bytes", 50_000_000, to=dante.INNER[4])


@FAMILIES
def test_each_reply_names_the_peer_that_sent_it(lab, proxy, start_tunnel, upstream, family):
    """One source asks two ports: one association, each answer from the right one."""
    del proxy
    lab.serve(7010, namespace=upstream)
    start_tunnel(proxy_args=SOCKS5)
    with lab.client.socket(KIND[family], socket.SOCK_DGRAM) as sock:
        for port in (topology.SERVER_PORT, 7010, topology.SERVER_PORT):
            peer = (dante.INNER[family], port)
            sock.sendto(str(port).encode(), peer)
            data, source = sock.recvfrom(100)
            assert (data, source[:2]) == (str(port).encode(), peer)


def test_datagrams_of_many_sizes_and_sources(lab, proxy, start_tunnel):
    del proxy
    start_tunnel(proxy_args=SOCKS5)
    peer = (dante.INNER[4], topology.SERVER_PORT)
    sockets = [lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for number, sock in enumerate(sockets):
        sock.sendto(bytes([number]) * (number * 70), peer)
    for number, sock in enumerate(sockets):
        assert sock.recv(2000) == bytes([number]) * (number * 70)
        sock.close()


@FAMILIES
def test_refused_and_unreachable_by_the_proxy_are_told(lab, proxy, start_tunnel, family):
    del proxy
    tunnel = start_tunnel(proxy_args=SOCKS5)
    for where, port, said in (
        (dante.INNER, topology.CLOSED_PORT, "reason=connection refused"),
        (dante.UNREACHABLE, 80, "reason=(host|network) unreachable"),
        (dante.INNER, dante.FORBIDDEN_PORT, "reason=denied by the far end"),
    ):
        lab.expect(lab.client, ENDED, to=where[family], port=port)
        tunnel.wait_for_log(said)
    lab.traffic(lab.client, "flows", "--count", 3, to=dante.INNER[family])


def password_file(lab, text=dante.PASSWORD):
    path = os.path.join(lab.directory, "password")
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    return path


def test_password_from_a_file(lab, upstream, start_tunnel):
    dante.start(upstream, method="username")
    start_tunnel(proxy_args=f"{SOCKS5} --socks5-user {dante.USER} --socks5-password-file {password_file(lab)}")
    lab.traffic(lab.client, "flows", "--count", 3, to=dante.INNER[4])
    lab.expect(lab.client, "reply", "--udp", to=dante.INNER[4])


def test_password_on_the_command_line_is_not_in_the_process_list_nor_in_the_log(lab, upstream, start_tunnel):
    dante.start(upstream, method="username")
    server = f"{dante.USER}:{dante.PASSWORD}@{dante.ADDRESS[4]}:{dante.PORT}"
    tunnel = start_tunnel(proxy_args=f"-v --log-level trace --socks5 '{server}'")
    lab.traffic(lab.client, "flows", "--count", 3, to=dante.INNER[4])
    with open(f"/proc/{tunnel.proxy_pid}/cmdline", "rb") as file:
        shown = file.read()
    assert b"--socks5" in shown and dante.ADDRESS[4].encode() in shown
    for part in dante.PASSWORD.split(":"):
        assert part.encode() not in shown
    lab.expect(lab.client, ENDED, to=dante.INNER[4], port=topology.CLOSED_PORT)
    assert dante.PASSWORD not in tunnel.log()


@pytest.mark.parametrize("credentials", ["", f"{dante.USER}:wrong@"], ids=["none", "wrong"])
def test_proxy_that_rejects_us_is_named_in_the_log(lab, upstream, start_tunnel, credentials):
    dante.start(upstream, method="username")
    tunnel = start_tunnel(proxy_args=f"--socks5 {credentials}{dante.ADDRESS[4]}:{dante.PORT}")
    lab.expect(lab.client, ENDED, to=dante.INNER[4])
    tunnel.wait_for_log("SOCKS5 proxy 10.66.0.2:1080 (refused the user name or password: check|wants authentication: give) --socks5-user")
    lab.expect(lab.client, ENDED, "--udp", to=dante.INNER[4])
    assert "wrong" not in tunnel.log()


def test_proxy_that_is_down_is_an_error_at_once(lab, upstream, start_tunnel):
    del upstream
    tunnel = start_tunnel(proxy_args=SOCKS5)
    assert lab.expect(lab.client, ENDED, to=dante.INNER[4])["ms"] < netlab.AT_ONCE_MS
    assert lab.expect(lab.client, ENDED, "--udp", to=dante.INNER[4])["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("SOCKS5 proxy 10.66.0.2:1080 cannot be reached: Connection refused")


def test_proxy_that_never_answers_times_out(lab, upstream, start_tunnel):
    with upstream.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(dante.ADDRESS[4], dante.PORT)) as mute:
        mute.listen()
        tunnel = start_tunnel(proxy_args=f"{SOCKS5} --connect-timeout 1")
        result = lab.expect(lab.client, ENDED + ",timeout", to=dante.INNER[4])
        assert result["ms"] > 900
        tunnel.wait_for_log("SOCKS5 proxy.*did not answer within the time limit")


def test_what_is_no_socks5_proxy_is_said(lab, upstream, start_tunnel):
    command = ["socat", f"TCP4-LISTEN:{dante.PORT},fork", "SYSTEM:'head -c 3 >/dev/null; echo HTTP/1.1 400 Bad Request'"]
    web = upstream.start(command, name="no-socks")
    netlab.wait_listening(upstream, "tcp", dante.PORT, process=web)
    tunnel = start_tunnel(proxy_args=SOCKS5)
    lab.expect(lab.client, ENDED, to=dante.INNER[4])
    tunnel.wait_for_log("does not speak SOCKS5")


def test_proxy_without_udp_makes_datagrams_fail_at_once(lab, upstream, start_tunnel):
    """So that QUIC falls back to TCP."""
    dante.start(upstream, commands="connect")
    tunnel = start_tunnel(proxy_args=SOCKS5)
    assert lab.expect(lab.client, ENDED, "--udp", to=dante.INNER[4])["ms"] < netlab.AT_ONCE_MS
    tunnel.wait_for_log("SOCKS5 proxy 10.66.0.2:1080 .*UDP.*source=")
    lab.traffic(lab.client, "flows", "--count", 3, to=dante.INNER[4])


def test_lost_association_is_an_error_and_the_next_datagram_makes_a_new_one(lab, upstream, proxy, start_tunnel):
    tunnel = start_tunnel(proxy_args=SOCKS5)
    peer = (dante.INNER[4], topology.SERVER_PORT)
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(peer)
        sock.send(b"first")
        assert sock.recv(100) == b"first"
        os.killpg(proxy.pid, signal.SIGKILL)
        tunnel.wait_for_log("the SOCKS5 proxy ended an association")
        with pytest.raises(OSError):
            sock.recv(100)
        proxy.wait()
        netlab.wait_until(lambda: not upstream.listens("tcp", dante.PORT), what="the proxy's end")
        dante.start(upstream)
        sock.send(b"second")
        assert sock.recv(100) == b"second"


def test_flows_that_end_leave_no_association_behind(lab, proxy, start_tunnel):
    del proxy
    tunnel = start_tunnel(proxy_args=f"{SOCKS5} --udp-timeout 1 --udp-timeout-stream 1",
                          client_args="--udp-timeout 1 --udp-timeout-stream 1")
    tunnel.wait_for_log("connected to")
    fds = f"/proc/{tunnel.proxy_pid}/fd"
    before = len(os.listdir(fds))
    for _ in range(5):
        lab.expect(lab.client, "reply", "--udp", to=dante.INNER[4])
    netlab.wait_until(lambda: len(os.listdir(fds)) == before, what="descriptors of the associations closed")


def test_far_loopback_does_not_go_to_the_proxy(lab, proxy, start_tunnel):
    del proxy
    lab.serve()  # in far itself, the proxy's host is another
    start_tunnel(proxy_args=f"{SOCKS5} --far-loopback")
    lab.traffic(lab.client, "flows", "--count", 3, to="198.18.0.1")
    lab.expect(lab.client, "reply", "--udp", to="198.18.0.1")
    lab.expect(lab.client, "reply", "--udp", to=dante.INNER[4])


def web_server(upstream, family, directory):
    """HTTP on 80 by Python, HTTPS on 443 by openssl, with a certificate for the address."""
    address = dante.INNER[family]
    with open(os.path.join(directory, "page.txt"), "w", encoding="ascii") as file:
        file.write("a page behind the proxy\n" * 1000)
    key, certificate = (os.path.join(directory, name) for name in ("key.pem", "cert.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", f"subjectAltName=IP:{address}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    plain = upstream.start(["python3", "-m", "http.server", "--bind", address, "80"], name="http", cwd=directory)
    netlab.wait_listening(upstream, "tcp", 80, process=plain)
    words = ["openssl", "s_server", "-accept", "443", "-WWW", "-quiet", "-key", key, "-cert", certificate]
    encrypted = upstream.start(words, name="https", cwd=directory)
    netlab.wait_listening(upstream, "tcp", 443, process=encrypted)
    return certificate


@FAMILIES
def test_curl_fetches_pages_over_http_and_https(lab, upstream, proxy, start_tunnel, tmp_path, family):
    del proxy
    certificate = web_server(upstream, family, str(tmp_path))
    start_tunnel(proxy_args=SOCKS5)
    host = f"[{dante.INNER[6]}]" if family == 6 else dante.INNER[4]
    for scheme in ("http", "https"):
        command = ["curl", "-sS", "--fail", "--globoff", "--max-time", "20", "--cacert", certificate]
        done = lab.client.run([*command, f"{scheme}://{host}/page.txt"])
        assert done.stdout == "a page behind the proxy\n" * 1000


@FAMILIES
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_asks_a_name_server_through_the_proxy(lab, upstream, proxy, start_tunnel, family, transport):
    del proxy
    words = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root",
             "--bind-interfaces", f"--listen-address={dante.INNER[family]}", "--pid-file=",
             "--address=/inside.example/192.0.2.99"]  # fmt: skip
    server = upstream.start(words, name="dnsmasq")
    netlab.wait_listening(upstream, "tcp", 53, process=server)
    start_tunnel(proxy_args=SOCKS5)
    command = ["dig", transport, "+short", "+tries=1", "+time=20", f"@{dante.INNER[family]}", "host.inside.example"]
    assert lab.client.run(command).stdout.strip() == "192.0.2.99"
