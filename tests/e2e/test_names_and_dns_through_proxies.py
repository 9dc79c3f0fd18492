"""Names, DNS and upstream proxies together: squid and dante that want names, a real dnsmasq, sshd and curl."""

import os
import socket
import time

import dante
import isolation
import links
import netlab
import pytest
import topology
import upstreams

NAME = "other.example"  # make_certificates() has a certificate for it
RESOLVER = "198.18.0.53"
NAMESERVER = topology.FAR_OTHER[4]  # the web and ssh servers have FAR
SSH_PORT = 22
SQUID = f"--http-proxy http://127.0.0.1:{upstreams.SQUID_PORT}"
SOCKS5 = f"--socks5 {dante.ADDRESS[4]}:{dante.PORT}"
FAMILIES = pytest.mark.parametrize("family", [4, 6])
# Without -n squid would look an address up in reverse and so find the name that it was not told.
BY_NAME_ONLY = f"acl named dstdomain -n {NAME}\nhttp_access allow CONNECT named\n"
DNS_TOO = f"acl nameserver dst {NAMESERVER}\nacl dns port 53\nhttp_access allow CONNECT nameserver dns\n"
UDP, TCP = "+notcp", "+tcp"


@pytest.fixture(scope="session", name="certificates")
def _certificates(tmp_path_factory):
    return upstreams.make_certificates(tmp_path_factory.mktemp("certificates"))


def start_nameserver(namespace, address, addresses):
    """A dnsmasq that knows one name. Not --no-daemon: it would serve nobody else while a TCP connection is open."""
    command = [
        "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts", "--user=", "--group=",
        "--bind-interfaces", "--except-interface=lo0", f"--listen-address={address}", "--log-queries",
        f"--host-record={','.join([NAME, *addresses.values()])}",
    ]  # fmt: skip
    server = namespace.start(command, name="dnsmasq")
    for kind in ("udp", "tcp"):
        netlab.wait_listening(namespace, kind, 53, process=server)
    return server


def start_squid(lab, rules):
    """Permits what the rules say and nothing else; asks a dnsmasq for names."""
    start_nameserver(lab.far, NAMESERVER, topology.FAR)
    return upstreams.Squid(lab, f"hosts_file none\ndns_nameservers {NAMESERVER}\n{rules}http_access deny all\n")


def wait_for_connect(squid, destination, status="TCP_TUNNEL/200"):
    """squid writes the line when the connection is over."""
    pattern = netlab.re.compile(rf" {status} .* CONNECT {netlab.re.escape(destination)} ")
    netlab.wait_until(lambda: pattern.search(squid.log()), what=f"{status} for {destination} in squid's log")


def curl(lab, scheme, family, certificates):
    """As a browser that knows the address already, say from DNS over HTTPS: the name is in its first bytes only."""
    port, address = {"http": 80, "https": 443}[scheme], topology.FAR[family]
    command = ["curl", "-sS", "-m", "20", "--noproxy", "*", "--cacert", f"{certificates}/ca.pem"]
    resolve = ["--resolve", f"{NAME}:{port}:{address}"]
    return lab.client.run([*command, *resolve, f"{scheme}://{NAME}/"], check=False)


def dig(lab, server, *words):
    command = ["dig", f"@{server}", "+time=20", "+tries=1", *words]
    return lab.client.run(command, check=False, timeout=30).stdout


def assert_resolved(answer, address, transport):
    assert "status: NOERROR" in answer and address in answer, answer
    assert f"({transport})" in answer, "dig says what it used: it may have changed to TCP by itself"


def start_sshd(lab, keys):
    """A real sshd, on all addresses; it says its version before the client says anything."""
    lab.far.sysctl("net.ipv4.ip_unprivileged_port_start", SSH_PORT)
    nested = ["unshare", "-U", f"--map-user={isolation.USER_ID}", f"--map-group={isolation.USER_ID}"]
    command = [*nested, links.SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(SSH_PORT)]
    options = [f"HostKey={keys}/host_key", "PidFile=none", "UsePAM=no", "UseDNS=no"]
    sshd = lab.far.start([*command, *(word for option in options for word in ("-o", option))], name="sshd")
    netlab.wait_listening(lab.far, "tcp", SSH_PORT, process=sshd)


def read_banner(lab, address):
    """The server's words to a client that waits for them, and the seconds until then; b"" if the flow was ended."""
    began = time.monotonic()
    try:
        # The reset may come before connect() has returned.
        with lab.client.connect(address, SSH_PORT) as flow:
            banner = flow.recv(100)
    except ConnectionError:
        banner = b""
    return banner, time.monotonic() - began


# --- squid that knows names only -----------------------------------------------------------------


@FAMILIES
@pytest.mark.parametrize("scheme, port", [("http", 80), ("https", 443)])
def test_name_in_the_first_bytes_opens_a_proxy_that_permits_names_only(
    lab, start_tunnel, certificates, scheme, port, family
):
    squid = start_squid(lab, BY_NAME_ONLY)
    upstreams.web_server(lab, f"{certificates}/other.pem")
    start_tunnel(proxy_args=SQUID)
    assert curl(lab, scheme, family, certificates).stdout == f"port {port}\n"
    wait_for_connect(squid, f"{NAME}:{port}")


@pytest.mark.parametrize("scheme, port", [("http", 80), ("https", 443)])
def test_never_leaves_the_address_and_the_refusal_is_told(lab, start_tunnel, certificates, scheme, port):
    squid = start_squid(lab, BY_NAME_ONLY)
    upstreams.web_server(lab, f"{certificates}/other.pem")
    permits = "does not permit this destination" if port == 443 else f"permits no port {port}"
    tunnel = start_tunnel(proxy_args=f"{SQUID} --proxy-names never")
    done = curl(lab, scheme, 4, certificates)
    assert done.returncode != 0 and "port" not in done.stdout
    tunnel.wait_for_log(f"{permits} .*403.*Forbidden.*destination={topology.FAR[4]}:{port}")
    wait_for_connect(squid, f"{topology.FAR[4]}:{port}", "TCP_DENIED/403")


@FAMILIES
def test_host_that_only_the_server_knows_is_reached_by_its_address(lab, start_tunnel, certificates, family):
    """squid cannot find the name, and says 500 or 503."""
    squid = start_squid(lab, "http_access allow CONNECT\n")
    upstreams.web_server(lab, f"{certificates}/other.pem")
    start_tunnel(proxy_args=SQUID)
    command = ["curl", "-sS", "-m", "60", "--noproxy", "*", "--resolve", f"alias.other.invalid:80:{topology.FAR[family]}"]
    assert lab.client.run([*command, "http://alias.other.invalid/"], check=False).stdout == "port 80\n"
    wait_for_connect(squid, "alias.other.invalid:80", r"\w+/50\d")
    wait_for_connect(squid, f"[{topology.FAR[6]}]:80" if family == 6 else f"{topology.FAR[4]}:80")


@FAMILIES
@pytest.mark.parametrize("words", [[UDP], [TCP]], ids=["udp", "tcp"])
def test_name_that_the_far_resolver_gave_serves_a_server_that_speaks_first(lab, keys, start_tunnel, words, family):
    squid = start_squid(lab, BY_NAME_ONLY + DNS_TOO)
    start_sshd(lab, keys)
    tunnel = start_tunnel(proxy_args=f"{SQUID} --dns {NAMESERVER}")
    assert read_banner(lab, topology.FAR[family])[0] == b"", "squid refuses the address as long as no name is known"
    tunnel.wait_for_log(r"permits no port 22 \(403\).*Forbidden")
    kind = {4: "A", 6: "AAAA"}[family]
    assert_resolved(dig(lab, RESOLVER, NAME, kind, *words), topology.FAR[family], "TCP" if TCP in words else "UDP")
    assert read_banner(lab, topology.FAR[family])[0].startswith(b"SSH-2.0-")
    keyscan = ["ssh-keyscan", "-T", "10", "-t", "ed25519", "-p", str(SSH_PORT), topology.FAR[family]]
    assert "ssh-ed25519" in lab.client.run(keyscan).stdout, "a real client after it"
    wait_for_connect(squid, f"{NAME}:{SSH_PORT}")


def test_name_that_an_outside_nameserver_gave_serves_too(lab, keys, start_tunnel):
    """The application has a resolver of its own, whose UDP goes through squid as well."""
    squid = start_squid(lab, BY_NAME_ONLY + DNS_TOO)
    start_sshd(lab, keys)
    start_tunnel(proxy_args=SQUID)
    assert_resolved(dig(lab, NAMESERVER, NAME), topology.FAR[4], "UDP")
    assert read_banner(lab, topology.FAR[4])[0].startswith(b"SSH-2.0-")
    wait_for_connect(squid, f"{NAME}:{SSH_PORT}")


@FAMILIES
def test_flow_without_a_name_is_not_kept_waiting_for_one(lab, keys, start_tunnel, family):
    squid = start_squid(lab, f"acl ssh port {SSH_PORT}\nhttp_access allow CONNECT ssh\n")
    start_sshd(lab, keys)
    start_tunnel(proxy_args=SQUID)
    banner, seconds = read_banner(lab, topology.FAR[family])
    print(f"banner after {seconds:.3f} s")
    assert banner.startswith(b"SSH-2.0-")
    assert seconds < 4.5  # `always` would have waited for 5
    host = f"[{topology.FAR[6]}]" if family == 6 else topology.FAR[4]
    wait_for_connect(squid, f"{host}:{SSH_PORT}")


def test_always_waits_for_a_name_and_then_refuses(lab, keys, start_tunnel):
    squid = start_squid(lab, f"acl ssh port {SSH_PORT}\nhttp_access allow CONNECT ssh\n")
    start_sshd(lab, keys)
    start_tunnel(proxy_args=f"{SQUID} --proxy-names always")
    banner, seconds = read_banner(lab, topology.FAR[4])
    assert banner == b"" and seconds > 3
    assert "CONNECT" not in squid.log()


# --- datagrams and squid -------------------------------------------------------------------------


@FAMILIES
@pytest.mark.parametrize("words, transport", [([UDP], "UDP"), ([TCP], "TCP")], ids=["udp", "tcp"])
def test_query_to_an_outside_nameserver_is_carried_by_connect(lab, start_tunnel, words, transport, family):
    address = topology.FAR_OTHER[family]
    server = start_nameserver(lab.far, address, topology.FAR)
    squid = upstreams.Squid(lab, "acl dns port 53\nhttp_access allow CONNECT dns\nhttp_access deny all\n")
    tunnel = start_tunnel(proxy_args=SQUID)
    assert_resolved(dig(lab, address, NAME, *words), topology.FAR[4], transport)
    assert_resolved(dig(lab, address, NAME, "AAAA", *words), topology.FAR[6], transport)
    assert server.log().count("/etc/hosts") == 0 and NAME in server.log()
    tunnel.stop()
    wait_for_connect(squid, f"[{address}]:53" if family == 6 else f"{address}:53")


def test_query_that_the_proxy_refuses_fails_at_once(lab, start_tunnel):
    """The resolver goes on to its next server instead of waiting."""
    start_nameserver(lab.far, NAMESERVER, topology.FAR)
    upstreams.Squid(lab, "acl tls port 443\nhttp_access allow CONNECT tls\nhttp_access deny all\n")
    tunnel = start_tunnel(proxy_args=SQUID)
    answer = dig(lab, NAMESERVER, NAME, UDP)
    assert "NOERROR" not in answer and "timed out" not in answer, answer
    tunnel.wait_for_log(rf"permits no port 53 \(403\).*Forbidden.*destination={NAMESERVER}:53")


@FAMILIES
@pytest.mark.parametrize("source", ["local", "forwarded"])
def test_quic_is_refused_at_once(lab, start_tunnel, source, family):
    """So that a browser changes to TCP within milliseconds."""
    upstreams.Squid(lab)
    start_tunnel(proxy_args=SQUID)
    initial = b"\xc3\x00\x00\x00\x01\x08" + bytes(range(8)) + bytes(1200 - 14)  # RFC 9000: at least 1200 bytes
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    with lab.source(source).socket(kind, socket.SOCK_DGRAM) as flow:
        flow.connect((topology.FAR[family], 443))
        flow.settimeout(netlab.patient(1))
        flow.send(initial)
        with pytest.raises(ConnectionRefusedError):
            flow.recv(2000)


# --- dante ---------------------------------------------------------------------------------------


@pytest.fixture(name="upstream")
def _upstream(lab):
    """dante, which looks names up in the dnsmasq next to it."""
    made = dante.make_network(lab)
    lab.serve(namespace=made)
    made.nameserver = start_nameserver(made, dante.INNER[4], {4: dante.INNER[4]})
    with isolation.replaced("/etc/resolv.conf", f"nameserver {dante.INNER[4]}\n"):
        yield made


def was_told_the_name(upstream):
    """dante looks up what it is told, IPv6 too; nobody else in these tests asks for that."""
    return f"query[AAAA] {NAME}" in upstream.nameserver.log()


@pytest.mark.parametrize("server", [RESOLVER, dante.INNER[4]], ids=["far-resolver", "outside-nameserver"])
@pytest.mark.parametrize("words, transport", [([UDP], "UDP"), ([TCP], "TCP")], ids=["udp", "tcp"])
def test_socks5_proxy_is_told_the_name_that_dns_gave(lab, upstream, start_tunnel, server, words, transport):
    dante.start(upstream)
    start_tunnel(proxy_args=f"{SOCKS5} --dns {dante.INNER[4]}")
    lab.traffic(lab.client, "flows", "--count", 1, to=dante.INNER[4])
    assert not was_told_the_name(upstream)
    assert_resolved(dig(lab, server, NAME, *words), dante.INNER[4], transport)
    lab.traffic(lab.client, "flows", "--count", 5, to=dante.INNER[4])
    assert was_told_the_name(upstream)
    lab.expect(lab.client, "reply", "--udp", to=dante.INNER[4])


def test_socks5_proxy_is_told_the_name_in_the_first_bytes(lab, upstream, start_tunnel, tmp_path):
    dante.start(upstream)
    web = upstream.start(["python3", "-m", "http.server", "--bind", dante.INNER[4], "80"], name="http", cwd=tmp_path)
    netlab.wait_listening(upstream, "tcp", 80, process=web)
    start_tunnel(proxy_args=SOCKS5)
    command = ["curl", "-sS", "--fail", "-m", "20", "--noproxy", "*", "-o", os.devnull]
    lab.client.run([*command, "--resolve", f"{NAME}:80:{dante.INNER[4]}", f"http://{NAME}/"])
    assert was_told_the_name(upstream)


@FAMILIES
def test_socks5_proxy_resolves_what_nobody_else_can(lab, upstream, start_tunnel, family):
    """The far end cannot reach the nameserver."""
    dante.start(upstream)
    start_tunnel(proxy_args=f"{SOCKS5} --dns virtual --dns {topology.SILENT_HOST[4]}")
    address = dig(lab, RESOLVER, NAME, {4: "A", 6: "AAAA"}[family], "+short").strip()
    assert address.startswith({4: "198.19.", 6: "fd0b:7edb:898f:2aef:"}[family])
    lab.traffic(lab.client, "flows", "--count", 5, to=address)
    assert was_told_the_name(upstream)
    lab.expect(lab.client, "refused", "--udp", to=address)
