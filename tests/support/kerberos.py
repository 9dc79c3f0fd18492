"""A real Kerberos realm (MIT krb5) in the far namespace."""

import os

import netlab
import upstreams

REALM = "TFUNNEL.TEST"
USER = "alice"
PASSWORD = "sesame"
PORT = 88
HELPER = "/usr/lib/squid/negotiate_kerberos_auth"


class Realm:
    """A KDC with the user, and the service HTTP at the names given. Tickets go to `tickets`, which is empty."""

    def __init__(self, lab, *services):
        self.lab = lab
        self.keytab = os.path.join(lab.directory, "http.keytab")
        self.tickets = os.path.join(lab.directory, "tickets")
        database = os.path.join(lab.directory, "kdc")
        self.config = upstreams.write(
            lab.directory,
            "krb5.conf",
            f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            f"dns_canonicalize_hostname = false\nrdns = false\n"
            f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{PORT}\n}}\n[domain_realm]\nlocalhost = {REALM}\n",
        )
        profile = upstreams.write(
            lab.directory,
            "kdc.conf",
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{PORT}\nkdc_tcp_listen = 127.0.0.1:{PORT}\n"
            f"[realms]\n{REALM} = {{\ndatabase_name = {database}\nkey_stash_file = {database}.stash\n}}\n",
        )
        self.variables = {"KRB5_CONFIG": self.config, "KRB5CCNAME": f"FILE:{self.tickets}"}
        self._environment = {**os.environ, **self.variables, "KRB5_KDC_PROFILE": profile}
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self._admin(f"addprinc -pw {PASSWORD} {USER}")
        self.services = services or ("localhost",)
        for service in self.services:
            self._admin(f"addprinc -randkey HTTP/{service}")
            self._admin(f"ktadd -k {self.keytab} HTTP/{service}")
        self.kdc = lab.far.start(["krb5kdc", "-n"], name="kdc", env=self._environment)
        netlab.wait_listening(lab.far, "tcp", PORT, 20, self.kdc)

    def _run(self, *command, **options):
        return self.lab.far.run(list(command), env=self._environment, **options)

    def _admin(self, query):
        self._run("kadmin.local", "-r", REALM, "-q", query)

    def kinit(self):
        self._run("kinit", USER, input=PASSWORD + "\n")

    def change_keys(self):
        """Makes keys of the services that no keytab has."""
        for service in self.services:
            self._admin(f"change_password -randkey HTTP/{service}")

    def question_waits(self):
        """True while the KDC, stopped, has a datagram or a connection that it did not take."""
        sockets = self.lab.far.run(["ss", "-Hlntu", "sport", "=", f":{PORT}"]).stdout.splitlines()
        return any(int(line.split()[2]) > 0 for line in sockets)

    def shell(self):
        """For the front of a command: as a user of this realm has it."""
        return "export " + " ".join(f"{name}={value}" for name, value in self.variables.items()) + ";"

    def squid_rules(self, service="localhost"):
        """Squid's lines for Negotiate. Its helper keeps no replay cache, whose place would be the machine's."""
        command = f"/usr/bin/env KRB5_CONFIG={self.config} KRB5RCACHENAME=none: {HELPER}"
        return (
            f"auth_param negotiate program {command} -r -k {self.keytab} -s HTTP/{service}@{REALM}\n"
            "auth_param negotiate children 4\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n"
        )
