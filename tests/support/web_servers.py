"""One server by HTTP and HTTPS, for the scripts that are servers."""

import http.server
import socket
import ssl
import threading


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def serve(handler, certificate, http_port, https_port):
    """For ever; says "ready" when both ports listen."""
    plain = Server(("::", http_port), handler)
    secure = Server(("::", https_port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    print("ready", flush=True)
    secure.serve_forever()
