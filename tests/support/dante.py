"""A real SOCKS5 proxy (Debian package dante-server), and a network that only it reaches."""

import os
import subprocess

import isolation
import netlab

BIN = "/usr/sbin/danted"
PORT = 1080
ADDRESS = {4: "10.66.0.2", 6: "fd66::2"}  # towards far
FAR = {4: "10.66.0.1", 6: "fd66::1"}
INNER = {4: "203.0.113.140", 6: "2001:db8:f:1::140"}  # far has no route to these
UNREACHABLE = {4: "203.0.113.166", 6: "2001:db8:f:1::166"}
FORBIDDEN_PORT = 7999
USER = "e2e"
PASSWORD = "correct:horse@battery"


def make_network(lab):
    """The namespace `upstream` behind far: the proxy's, with the destinations on its loopback."""
    upstream = netlab.Namespace("upstream", lab.directory)
    lab.namespaces.append(upstream)
    for kind in ("all", "default"):
        upstream.sysctl(f"net.ipv6.conf.{kind}.accept_dad", 0)
    lab.far.ip("link add up0 type veth peer name up0 netns upstream", "link set up0 up")
    upstream.ip("link set up0 up")
    for namespace, addresses in ((lab.far, FAR), (upstream, ADDRESS)):
        namespace.ip(f"addr add {addresses[4]}/24 dev up0", f"addr add {addresses[6]}/64 dev up0 nodad")
    upstream.ip(
        f"addr add {INNER[4]}/32 dev lo",
        f"addr add {INNER[6]}/128 dev lo nodad",
        f"route add unreachable {UNREACHABLE[4]}/32",
        f"-6 route add unreachable {UNREACHABLE[6]}/128",
    )
    return upstream


def _set_password():
    """isolation.py gave the tests a /etc/passwd of their own; the user's password goes with it."""
    made = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True)
    shadow = f"{USER}:{made.stdout.strip()}:19000:0:99999:7:::\nroot:*:19000:0:99999:7:::\n"
    isolation.write_private("/etc/shadow", shadow)


def start(upstream, method="none", commands="connect udpassociate"):
    """`method`: none or username. Logs to its log file."""
    if method == "username":
        _set_password()
    path = os.path.join(upstream.log_dir, "danted.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(
            f"""logoutput: stderr
internal: {ADDRESS[4]} port = {PORT}
internal: {ADDRESS[6]} port = {PORT}
external: {INNER[4]}
external: {INNER[6]}
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: root
client pass {{ from: 0/0 to: 0/0 }}
socks block {{
  from: 0/0 to: 0/0 port = {FORBIDDEN_PORT}
}}
socks pass {{
  from: 0/0 to: 0/0
  command: {commands} bindreply udpreply
  log: connect error
}}
"""
        )
    process = upstream.start([BIN, "-f", path], name="danted")
    netlab.wait_listening(upstream, "tcp", PORT, process=process)
    return process
