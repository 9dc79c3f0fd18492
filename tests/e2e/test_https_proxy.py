"""Through an https:// proxy: squid behind stunnel, and scripted ones that break TLS."""

import contextlib
import os
import socket
import ssl
import struct
import threading

import netlab
import pytest
import topology
import upstreams

ENDED = "reset,refused,unreachable"
REPLY = b"HTTP/1.1 200 Connection established\r\n\r\n"


def built_with_tls():
    done = netlab.subprocess.run(
        [topology.tfunnel_proxy(), "--http-proxy", "https://x", "--proxy-ca", "/nonexistent"],
        stdin=netlab.subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "without OpenSSL" not in done.stderr


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    if not built_with_tls():
        pytest.skip("built without OpenSSL")
    return upstreams.make_certificates(tmp_path_factory.mktemp("certificates"))


def arguments(certificates, host="localhost", port=upstreams.STUNNEL_PORT, user=""):
    return f"--http-proxy 'https://{user}{host}:{port}' --proxy-ca {certificates}/ca.pem"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_curl_by_name_and_address_of_the_proxy(lab, start_tunnel, certificates, host):
    upstreams.Squid(lab)
    upstreams.stunnel(lab, f"{certificates}/localhost.pem")
    upstreams.web_server(lab, f"{certificates}/localhost.pem")
    start_tunnel(proxy_args=arguments(certificates, host))
    for scheme, words in (("http", "port 80\n"), ("https", "port 443\n")):
        for address in (topology.FAR[4], f"[{topology.FAR[6]}]"):
            url = f"{scheme}://{address}/"
            done = lab.client.run(["curl", "-sS", "-m", "20", "--cacert", f"{certificates}/ca.pem", url])
            assert done.stdout == words


def test_traffic_with_digest(lab, server, start_tunnel, certificates):
    del server
    upstreams.Squid(lab, upstreams.squid_digest(lab))
    upstreams.stunnel(lab, f"{certificates}/localhost.pem")
    start_tunnel(proxy_args=arguments(certificates, user=upstreams.URL_CREDENTIALS + "@"))
    lab.traffic(lab.client, "short", "--count", 60, "--parallel", 20)


@pytest.mark.parametrize(
    "fault, words",
    [("name", "[Hh]ostname mismatch"), ("address", "IP address mismatch"), ("authority", "unable to get local issuer|self.signed")],
)
def test_wrong_certificate_is_refused(lab, start_tunnel, certificates, fault, words):
    upstreams.Squid(lab)
    upstreams.stunnel(lab, f"{certificates}/{'localhost' if fault == 'authority' else 'other'}.pem")
    args = arguments(certificates, "127.0.0.1" if fault == "address" else "localhost")
    if fault == "authority":
        args = args.split(" --proxy-ca")[0]
    tunnel = start_tunnel(proxy_args=args)
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log(f"its certificate is not accepted: .*({words})")


def test_plain_proxy_behind_https(lab, start_tunnel, certificates):
    upstreams.Squid(lab)
    tunnel = start_tunnel(proxy_args=arguments(certificates, port=upstreams.SQUID_PORT))
    lab.expect(lab.client, ENDED)
    tunnel.wait_for_log("the TLS handshake failed")


# --- scripted ------------------------------------------------------------------------------------


class TlsProxy:
    """Runs `script(tls socket, raw descriptor)` behind a successful CONNECT, for one connection after another."""

    def __init__(self, lab, certificates, script):
        self.listener = lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0), timeout=None)
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{certificates}/localhost.pem")
        self.script = script
        self.results = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.listener.accept()
                raw.settimeout(netlab.patient(20))
                with contextlib.suppress(OSError):
                    self._serve(raw)

    def _serve(self, raw):
        with self.context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as tls:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += tls.recv(1)
            self.results.append(self.script(tls))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)


@pytest.fixture
def tls_proxy(lab, certificates):
    made = []

    def make(script):
        made.append(TlsProxy(lab, certificates, script))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


def receive_all(flow):
    data = b""
    while piece := flow.recv(65536):
        data += piece
    return data


def connect(lab):
    return lab.client.connect(topology.FAR[4], topology.SERVER_PORT)


def test_early_bytes_in_the_same_record_and_an_orderly_end(lab, start_tunnel, certificates, tls_proxy):
    def script(tls):
        tls.sendall(REPLY + b"220 hello\r\n")
        tls.unwrap().close()  # close_notify

    proxy = tls_proxy(script)
    start_tunnel(proxy_args=arguments(certificates, port=proxy.port))
    for _ in range(20):
        with connect(lab) as flow:
            flow.shutdown(socket.SHUT_WR)
            assert receive_all(flow) == b"220 hello\r\n"


def test_stream_cut_without_close_notify_is_a_reset(lab, start_tunnel, certificates, tls_proxy):
    def script(tls):
        tls.sendall(REPLY + b"half of the truth")
        tls.recv(1)
        socket.socket(fileno=tls.detach()).close()  # FIN, and nothing in TLS before it

    proxy = tls_proxy(script)
    start_tunnel(proxy_args=arguments(certificates, port=proxy.port))
    with connect(lab) as flow:
        assert flow.recv(17, socket.MSG_WAITALL) == b"half of the truth"
        flow.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            flow.recv(1)


def test_reset_by_the_proxy_is_a_reset(lab, start_tunnel, certificates, tls_proxy):
    def script(tls):
        tls.sendall(REPLY + b"x")
        tls.recv(1)
        raw = socket.socket(fileno=tls.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()

    proxy = tls_proxy(script)
    start_tunnel(proxy_args=arguments(certificates, port=proxy.port))
    with connect(lab) as flow:
        assert flow.recv(1) == b"x"
        flow.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            flow.recv(1)


def test_half_close_becomes_close_notify_and_the_answer_still_comes(lab, start_tunnel, certificates, tls_proxy):
    def script(tls):
        tls.sendall(REPLY)
        received = 0
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while piece := tls.recv(65536):
                received += len(piece)
        tls.sendall(b"%d" % received)
        tls.unwrap().close()

    proxy = tls_proxy(script)
    start_tunnel(proxy_args=arguments(certificates, port=proxy.port))
    with connect(lab) as flow:
        flow.sendall(bytes(3000000))
        flow.shutdown(socket.SHUT_WR)
        assert receive_all(flow) == b"3000000"


def test_reset_by_the_application_breaks_the_tls_connection(lab, start_tunnel, certificates, tls_proxy):
    def script(tls):
        tls.sendall(REPLY + b"x")
        try:
            return tls.recv(1)
        except OSError as error:
            return error

    proxy = tls_proxy(script)
    start_tunnel(proxy_args=arguments(certificates, port=proxy.port))
    with connect(lab) as flow:
        assert flow.recv(1) == b"x"
        flow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    netlab.wait_until(lambda: proxy.results, what="the end at the proxy")
    assert isinstance(proxy.results[0], (ConnectionResetError, ssl.SSLError)), proxy.results


def test_silent_handshake_times_out_and_leaves_nothing(lab, start_tunnel, certificates):
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        tunnel = start_tunnel(proxy_args=f"--connect-timeout 1 {arguments(certificates, port=port)}")
        tunnel.wait_for_log("connected to")
        descriptors = f"/proc/{tunnel.proxy_pid}/fd"
        before = len(os.listdir(descriptors))
        for _ in range(3):
            lab.expect(lab.client, ENDED, "--timeout-ms", 15000)
        tunnel.wait_for_log("it does not answer in time")
        netlab.wait_until(lambda: len(os.listdir(descriptors)) <= before, what="all descriptors closed")


def test_no_descriptor_is_left_by_many_connections(lab, server, start_tunnel, certificates):
    del server
    upstreams.Squid(lab)
    upstreams.stunnel(lab, f"{certificates}/localhost.pem")
    tunnel = start_tunnel(proxy_args=arguments(certificates))
    descriptors = f"/proc/{tunnel.proxy_pid}/fd"
    lab.traffic(lab.client, "short", "--count", 10, "--parallel", 2)
    before = len(os.listdir(descriptors))
    lab.traffic(lab.client, "short", "--count", 300, "--parallel", 20)
    netlab.wait_until(lambda: len(os.listdir(descriptors)) <= before + 2, 20, "all descriptors closed")
