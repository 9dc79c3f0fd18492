"""The network that the tunnel tests use.

    lan ---- client            far
              |  \\____mgmt0____/      only for a real sshd; the capture rules leave it alone
              wan0
              |
             void                      takes what escapes the capture, and never answers

The client's default route leads into the void, so what reaches the far addresses went through the
tunnel. They exist on far's loopback only. Addresses are RFC 5737 and RFC 3849.
"""

import contextlib
import os
import shutil
import subprocess

import netlab

PORT = 12300  # tfunnel -p
SERVER_PORT = 7000  # traffic serve; the banner port is the next one
SSH_PORT = 2222
LISTENER_RANGE = "12300-12399"

FAR = {4: "203.0.113.10", 6: "2001:db8:f::10"}
FAR_OTHER = {4: "203.0.113.11", 6: "2001:db8:f::11"}
UNREACHABLE_HOST = {4: "203.0.113.66", 6: "2001:db8:f::66"}
SILENT_HOST = {4: "203.0.113.77", 6: "2001:db8:f::77"}
NO_ROUTE = {4: "198.18.99.1", 6: "2001:db8:dead::1"}
LAN_HOST = {4: "192.0.2.2", 6: "2001:db8:1::2"}
CLIENT_LAN = {4: "192.0.2.1", 6: "2001:db8:1::1"}
CLIENT_WAN = {4: "192.0.2.130", 6: "2001:db8:2::2"}
FAR_MGMT = {4: "198.51.100.2", 6: "2001:db8:3::2"}
CLOSED_PORT = 9

_VOID_MAC = "02:00:00:00:00:99"
_LOCAL_V4 = "127.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24"
_LOCAL_V6 = "::1, fe80::/10, ff00::/8, 2001:db8:1::/64, 2001:db8:2::/64, 2001:db8:3::/64"

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary(variable, fallback):
    path = os.path.abspath(os.environ.get(variable) or os.path.join(REPOSITORY, fallback))
    if not os.access(path, os.X_OK):
        raise netlab.LabError(f"{path} is missing: build it, or set {variable}")
    return path


def tfunnel():
    return binary("TFUNNEL", "build/client/tfunnel")


def tfunnel_proxy():
    return os.path.abspath(os.environ.get("TFUNNEL_PROXY") or tfunnel())


def traffic():
    return binary("TRAFFIC", "build/tests/support/traffic")


def capture_rules(port):
    """All TCP and UDP but the local networks, the link and tfunnel's own packets (mark 3)."""
    return f"""
table inet tfunnel_test {{
  chain prerouting {{
    type filter hook prerouting priority mangle; policy accept;
    iifname "mgmt0" return
    meta mark 3 return
    ip daddr {{ {_LOCAL_V4} }} return
    ip6 daddr {{ {_LOCAL_V6} }} return
    meta nfproto ipv4 meta l4proto {{ tcp, udp }} tproxy ip to :{port} meta mark set 1 accept
    meta nfproto ipv6 meta l4proto {{ tcp, udp }} tproxy ip6 to :{port} meta mark set 1 accept
    meta l4proto {{ tcp, udp }} drop comment "no listener: fail closed"
  }}
  chain output {{
    type route hook output priority mangle; policy accept;
    oifname "mgmt0" return
    meta mark 3 return
    ip daddr {{ {_LOCAL_V4} }} return
    ip6 daddr {{ {_LOCAL_V6} }} return
    meta l4proto {{ tcp, udp }} meta mark set 1
  }}
  counter escaped {{ }}
  chain postrouting {{
    type filter hook postrouting priority 0; policy accept;
    oifname "wan0" meta l4proto {{ tcp, udp }} counter name escaped
  }}
}}
"""


class Lab:
    """Builds the four namespaces; close() removes them and everything in them."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.namespaces = []
        try:
            self.lan, self.client, self.far, self.void = map(
                self._namespace, ("lan", "client", "far", "void")
            )
            self._link_up()
        except BaseException:
            self.close()
            raise

    def _namespace(self, name):
        made = netlab.Namespace(name, self.directory)
        self.namespaces.append(made)
        return made

    def close(self):
        # All of them, even if one fails: what is left would fail every test that follows.
        with contextlib.ExitStack() as all_of_them:
            for namespace in self.namespaces:
                all_of_them.callback(namespace.close)
        self.namespaces = []

    def _link_up(self):
        for namespace in self.namespaces:
            for kind in ("all", "default"):
                namespace.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 0)
                namespace.sysctl(f"net.ipv6.conf.{kind}.accept_dad", 0)
            # 100,000 connections from one address within a minute, whoever closes first.
            namespace.sysctl("net.ipv4.ip_local_port_range", "10000 65000")
            namespace.sysctl("net.ipv4.ip_local_reserved_ports", LISTENER_RANGE)
            namespace.sysctl("net.ipv4.tcp_tw_reuse", 1)
        self._veth_pairs()
        self._addresses()

    def _veth_pairs(self):
        self.client.ip(
            "link add lan0 type veth peer name lan0 netns lan",
            f"link add wan0 type veth peer name wan0 address {_VOID_MAC} netns void",
            "link add mgmt0 type veth peer name mgmt0 netns far",
            "link set lan0 up",
            "link set wan0 up",
            "link set mgmt0 up",
        )
        self.lan.ip("link set lan0 up")
        self.void.ip("link set wan0 up")
        self.far.ip("link set mgmt0 up")

    def _addresses(self):
        self.client.sysctl("net.ipv4.ip_forward", 1)
        self.client.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.client.ip(
            f"addr add {CLIENT_LAN[4]}/26 dev lan0",
            f"addr add {CLIENT_LAN[6]}/64 dev lan0 nodad",
            f"addr add {CLIENT_WAN[4]}/26 dev wan0",
            f"addr add {CLIENT_WAN[6]}/64 dev wan0 nodad",
            "addr add 198.51.100.1/24 dev mgmt0",
            "addr add 2001:db8:3::1/64 dev mgmt0 nodad",
            f"neigh replace 192.0.2.129 lladdr {_VOID_MAC} nud permanent dev wan0",
            f"neigh replace 2001:db8:2::1 lladdr {_VOID_MAC} nud permanent dev wan0",
            "route add default via 192.0.2.129",
            "-6 route add default via 2001:db8:2::1",
        )
        self.lan.ip(
            f"addr add {LAN_HOST[4]}/26 dev lan0",
            f"addr add {LAN_HOST[6]}/64 dev lan0 nodad",
            f"route add default via {CLIENT_LAN[4]}",
            f"-6 route add default via {CLIENT_LAN[6]}",
        )
        self.far.ip(
            f"addr add {FAR_MGMT[4]}/24 dev mgmt0",
            f"addr add {FAR_MGMT[6]}/64 dev mgmt0 nodad",
            *(f"addr add {a}/32 dev lo" for a in (FAR[4], FAR_OTHER[4], SILENT_HOST[4])),
            *(f"addr add {a}/128 dev lo nodad" for a in (FAR[6], FAR_OTHER[6], SILENT_HOST[6])),
            f"route add unreachable {UNREACHABLE_HOST[4]}/32",
            f"-6 route add unreachable {UNREACHABLE_HOST[6]}/128",
        )
        self.far.nft(
            "table inet silence { chain input { type filter hook input priority 0;\n"
            f"ip daddr {SILENT_HOST[4]} drop; ip6 daddr {SILENT_HOST[6]} drop;\n}}\n}}"
        )

    def capture(self, port=PORT):
        """Sends everything that leaves the client or comes from the LAN to tfunnel."""
        self.client.ip(
            "rule add fwmark 1 lookup 100",
            "route add local default dev lo table 100",
            "-6 rule add fwmark 1 lookup 100",
            "-6 route add local default dev lo table 100",
        )
        self.client.nft(capture_rules(port))

    def escaped_packets(self):
        """How many TCP and UDP packets went out past the tunnel."""
        command = ["nft", "-j", "list", "counter", "inet", "tfunnel_test", "escaped"]
        rows = self.client.json(command)["nftables"]
        return next(row["counter"]["packets"] for row in rows if "counter" in row)

    def source(self, where):
        """The namespace that local or forwarded traffic comes from."""
        return {"local": self.client, "forwarded": self.lan}[where]

    def serve(self, port=SERVER_PORT, namespace=None):
        namespace = namespace or self.far
        server = namespace.start([traffic(), "serve", "--port", str(port)], name="serve")
        server.wait_for_log("ready")
        return server

    def traffic(self, namespace, command, *words, to=FAR[4], port=SERVER_PORT, check=True, timeout=300):
        """Runs the traffic tool and returns its JSON line; `status` is the exit status."""
        full = [traffic(), command, *map(str, words), "--to", to, "--port", str(port)]
        done = namespace.run(full, check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"traffic {' '.join(full[1:])}: {done.stdout}{done.stderr}")
        result = netlab.json.loads(done.stdout) if done.stdout else {}
        return {**result, "status": done.returncode, "stderr": done.stderr}

    def expect(self, namespace, wished, *words, **options):
        return self.traffic(namespace, "expect", wished, *words, **options)

    def logs(self):
        """All log files of the lab by name, for a failed test's report."""
        found = {}
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as file:
                    found[name] = file.read()
        return found


def make_lab(directory, capture=True):
    os.makedirs(directory, exist_ok=True)
    lab = Lab(directory)
    if capture:
        lab.capture()
    return lab


def make_ssh_keys(directory):
    for name in ("host_key", "user_key"):
        path = os.path.join(directory, name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    shutil.copy(os.path.join(directory, "user_key.pub"), os.path.join(directory, "authorized_keys"))
