"""web_server.py PEM HTTP_PORT HTTPS_PORT: answers each GET with the port it came to."""

import http.server
import sys

import web_servers


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        body = f"port {self.server.server_port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


web_servers.serve(Handler, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
