"""file_server.py DIRECTORY PEM HTTP_PORT HTTPS_PORT: the files, and programs in its cgi-bin, by both protocols."""

import contextlib
import functools
import http.server
import socket
import ssl
import sys
import threading


class Handler(http.server.CGIHTTPRequestHandler):
    cgi_directories = ["/cgi-bin"]
    have_fork = False  # else a program writes to the socket itself, which knows nothing of TLS

    def finish(self):
        """Says the end in TLS, too: the answers of programs have no length."""
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.connection.unwrap()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def main():
    directory, certificate, http_port, https_port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    handler = functools.partial(Handler, directory=directory)
    plain = Server(("::", http_port), handler)
    secure = Server(("::", https_port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    print("ready", flush=True)
    secure.serve_forever()


main()
