"""Real upstream proxies in the far namespace, and a web server behind them."""

import os
import subprocess
import sys

import isolation
import netlab

USER = "alice"
PASSWORD = "open se@same%"  # what a URL must encode; squid's digest helper takes no colon
URL_CREDENTIALS = "alice:open%20se%40same%25"
SQUID_PORT = 3128
TINYPROXY_PORT = 8888
STUNNEL_PORT = 3443
NCSA_AUTH = "/usr/lib/squid/basic_ncsa_auth"
DIGEST_AUTH = "/usr/lib/squid/digest_file_auth"

# Daemons refuse to be root, and a user namespace has no other user: an ordinary one of a nested namespace.
_NESTED = ["unshare", "-U", f"--map-user={isolation.USER_ID}", f"--map-group={isolation.USER_ID}"]


def write(directory, name, text, mode=0o600):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def make_certificates(directory):
    """ca.pem, and PEM files with key and certificate: localhost.pem (also 127.0.0.1) and other.pem."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    names = {"localhost": "DNS:localhost,IP:127.0.0.1,IP:203.0.113.10,IP:2001:db8:f::10", "other": "DNS:other.example"}
    for name, alternatives in names.items():
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        extensions = write(directory, "extensions", f"subjectAltName={alternatives}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", f"{name}.crt")
        with open(os.path.join(directory, f"{name}.pem"), "w", encoding="ascii") as pem:
            for part in (f"{name}.key", f"{name}.crt"):
                with open(os.path.join(directory, part), encoding="ascii") as file:
                    pem.write(file.read())
    return str(directory)


def _start(lab, command, name, port):
    process = lab.far.start([*_NESTED, *command], name=name)
    netlab.wait_listening(lab.far, "tcp", port, 20, process)
    return process


class Squid:
    """squid(8) with these lines of configuration before "allow all"."""

    def __init__(self, lab, rules="", port=SQUID_PORT):
        self.access_log = os.path.join(lab.directory, f"squid-{port}-access")
        self.config = write(
            lab.directory,
            f"squid-{port}.conf",
            f"http_port 127.0.0.1:{port}\n{rules}\nhttp_access allow all\npid_filename none\ncache deny all\n"
            f"access_log stdio:{self.access_log}\ncache_log /dev/stderr\ncoredump_dir {lab.directory}\n"
            "shutdown_lifetime 0 seconds\npinger_enable off\nmax_filedescriptors 4096\nconnect_timeout 3 seconds\n",
        )
        command = ["squid", "-N", "-d", "1", "-f", self.config]
        self.process = _start(lab, command, "squid", port)

    def log(self):
        with open(self.access_log, encoding="utf-8") as file:
            return file.read()


def squid_basic(lab):
    passwords = os.path.join(lab.directory, "basic-passwords")
    subprocess.run(["htpasswd", "-bcm", passwords, USER, PASSWORD], check=True, capture_output=True)
    return (
        f"auth_param basic program {NCSA_AUTH} {passwords}\nauth_param basic realm test\n"
        "acl known proxy_auth REQUIRED\nhttp_access deny !known\n"
    )


def squid_digest(lab, nonce_uses=50):
    passwords = write(lab.directory, "digest-passwords", f"{USER}:{PASSWORD}\n")
    return (
        f"auth_param digest program {DIGEST_AUTH} {passwords}\nauth_param digest realm test\n"
        f"auth_param digest nonce_max_count {nonce_uses}\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n"
    )


def squid_ntlm(lab, domain="CORP"):
    passwords = write(lab.directory, "ntlm-passwords", f"{domain}:{USER}:{PASSWORD}\n")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ntlm_helper.py")
    command = f"/usr/bin/env NTLM_USER_FILE={passwords} {sys.executable} {script}"
    return f"auth_param ntlm program {command}\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n"


def tinyproxy(lab, rules="", listen="127.0.0.1"):
    config = write(
        lab.directory,
        "tinyproxy.conf",
        f"Port {TINYPROXY_PORT}\nListen {listen}\nTimeout 600\nMaxClients 200\nLogLevel Connect\n{rules}\n",
    )
    return _start(lab, ["tinyproxy", "-d", "-c", config], "tinyproxy", TINYPROXY_PORT)


def stunnel(lab, certificate, backend=SQUID_PORT):
    """TLS in front of another proxy."""
    config = write(
        lab.directory,
        "stunnel.conf",
        f"foreground = yes\npid =\nsyslog = no\n[proxy]\naccept = 127.0.0.1:{STUNNEL_PORT}\n"
        f"connect = 127.0.0.1:{backend}\ncert = {certificate}\n",
    )
    return _start(lab, ["stunnel4", config], "stunnel", STUNNEL_PORT)


def web_server(lab, certificate, http_port=80, https_port=443):
    """Serves its own port number as text, by HTTP and by HTTPS, over IPv4 and IPv6."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "web_server.py")
    process = lab.far.start([sys.executable, script, certificate, str(http_port), str(https_port)], name="web")
    process.wait_for_log("ready")
    return process
