"""file_server.py DIRECTORY PEM HTTP_PORT HTTPS_PORT: the files, and programs in its cgi-bin, by both protocols."""

import contextlib
import functools
import http.server
import ssl
import sys

import web_servers


class Handler(http.server.CGIHTTPRequestHandler):
    cgi_directories = ["/cgi-bin"]
    have_fork = False  # else a program writes to the socket itself, which knows nothing of TLS

    def finish(self):
        """Says the end in TLS, too: the answers of programs have no length."""
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.connection.unwrap()


handler = functools.partial(Handler, directory=sys.argv[1])
web_servers.serve(handler, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
