"""Real programs in `tfunnel run`, as an ordinary user, with real servers at the far end: what they fetch, and by which
way of their own they look names up."""

import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import zipfile

import isolation
import netlab
import pytest
import topology
import upstreams
from test_dns import NAME, NAMESERVER, start_dnsmasq

CAPTURES = False

HTTP_PORT, HTTPS_PORT = 8080, 8443
SUPPORT = pathlib.Path(topology.REPOSITORY) / "tests/support"
HTTP = f"http://{NAME}:{HTTP_PORT}"
HTTPS = f"https://{topology.FAR[4]}:{HTTPS_PORT}"
# The first start of a large program on a machine under load.
SLOW = 120


def command(*words, **options):
    subprocess.run(list(map(str, words)), check=True, capture_output=True, **options)


def said(done):
    return done.stdout + done.stderr


@pytest.fixture(name="served", autouse=True)
def _served(lab, runs, tmp_path):
    """The directory that is served by http and https at the far end, where names are looked up."""
    del runs
    folder = tmp_path / "served"
    (folder / "cgi-bin").mkdir(parents=True)
    upstreams.make_certificates(tmp_path)
    script = str(SUPPORT / "file_server.py")
    words = ["python3", script, folder, tmp_path / "localhost.pem", HTTP_PORT, HTTPS_PORT]
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER[4]}\n"):
        start_dnsmasq(lab, NAMESERVER[4])
        server = lab.far.start(list(map(str, words)), name="files")
        server.wait_for_log("ready")
        yield folder


@pytest.fixture(name="authority")
def _authority(runs, tmp_path, served):
    """The file of the certificate authority, where the user can read it."""
    del served
    copy = os.path.join(runs.directory, "ca.pem")
    isolation.write_private(copy, (tmp_path / "ca.pem").read_text(encoding="ascii"))
    return copy


# --- git -----------------------------------------------------------------------------------------


def test_git_clones_and_pushes_over_https(runs, served, authority):
    """git-http-backend, with the protocol that programs speak, not files."""
    project = served / "repositories/project.git"
    command("git", "init", "-q", "--bare", "-b", "main", project)
    command("git", "-C", project, "config", "http.receivepack", "true")
    upstreams.write(served / "cgi-bin", "git", f"""#!/bin/sh
export GIT_HTTP_EXPORT_ALL=1 GIT_PROJECT_ROOT={served}/repositories
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
exec git http-backend
""", mode=0o755)
    steps = f"""git clone -q {HTTPS}/cgi-bin/git/project.git copy && cd copy &&
git -c user.name=x -c user.email=x@example.test commit -q --allow-empty -m first && git push -q origin HEAD:main &&
git ls-remote origin main"""
    done = runs.run("env", f"GIT_SSL_CAINFO={authority}", "sh", "-ec", steps)
    assert done.returncode == 0 and done.stdout.split()[-1] == "refs/heads/main", said(done)


# --- package managers ----------------------------------------------------------------------------


def test_npm_installs_from_a_registry(runs, served):
    manifest = {"name": "hello", "version": "1.0.0", "bin": {"hello": "hello.js"}}
    files = {"package.json": json.dumps(manifest), "hello.js": "#!/usr/bin/env node\nconsole.log('hello from npm')\n"}
    with tarfile.open(served / "hello-1.0.0.tgz", "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha1((served / "hello-1.0.0.tgz").read_bytes()).hexdigest()
    version = {**manifest, "dist": {"tarball": f"{HTTP}/hello-1.0.0.tgz", "shasum": digest}}
    registry = {"name": "hello", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    (served / "hello").write_text(json.dumps(registry), encoding="ascii")
    options = f"--registry {HTTP}/ --no-audit --no-fund --no-update-notifier"
    done = runs.run("sh", "-ec", f"npm install {options} hello >&2; npx --no-install hello", timeout=SLOW)
    assert (done.returncode, done.stdout) == (0, "hello from npm\n"), done.stderr


def test_pip_installs_from_an_index(runs, served):
    index = served / "simple/hello"
    index.mkdir(parents=True)
    wheel = "hello-1.0-py3-none-any.whl"
    with zipfile.ZipFile(index / wheel, "w") as made:
        made.writestr("hello.py", "print('hello from pip')\n")
        made.writestr("hello-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n")
        made.writestr("hello-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr("hello-1.0.dist-info/RECORD", "")
    (index / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>', encoding="ascii")
    steps = f"""/usr/bin/python3 -m pip install --isolated --index-url {HTTP}/simple/ --trusted-host {NAME} \
--disable-pip-version-check --target there hello >&2; PYTHONPATH=there /usr/bin/python3 -m hello"""
    done = runs.run("sh", "-ec", steps, timeout=SLOW)
    assert (done.returncode, done.stdout) == (0, "hello from pip\n"), done.stderr


APT = """
Dir::State "{work}/state";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
Dir::Etc::sourcelist "{work}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::parts "-";
Dir::Etc::main "-";
Acquire::http::Proxy "false";
APT::Sandbox::User "root";
"""


def test_apt_updates_and_downloads(runs, served, tmp_path):
    control = "Package: hello-far\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.test>\nDescription: x\n"
    upstreams.write(os.path.join(tmp_path), "control", control, mode=0o644)
    (tmp_path / "tree/DEBIAN").mkdir(parents=True)
    os.chmod(tmp_path / "tree", 0o755)
    os.chmod(tmp_path / "tree/DEBIAN", 0o755)
    os.rename(tmp_path / "control", tmp_path / "tree/DEBIAN/control")
    command("dpkg-deb", "--build", "--root-owner-group", tmp_path / "tree", served / "hello.deb")
    package = (served / "hello.deb").read_bytes()
    found = f"Filename: ./hello.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n"
    (served / "Packages").write_text(control + found, encoding="ascii")
    for path, text in (("apt.conf", APT.format(work=runs.work)), ("status", ""),
                       ("sources.list", f"deb [trusted=yes] {HTTP}/ ./\n")):
        upstreams.write(runs.work, path, text, mode=0o644)
    steps = "mkdir -p state/lists/partial cache/archives/partial; apt-get update >&2; apt-get download hello-far >&2; ls *.deb"
    done = runs.run("env", f"APT_CONFIG={runs.work}/apt.conf", "sh", "-ec", steps)
    assert (done.returncode, done.stdout) == (0, "hello-far_1_all.deb\n"), done.stderr


# --- resolvers of their own ----------------------------------------------------------------------

JAVA = """
import java.net.*;
import javax.naming.directory.*;

class Fetch {
    public static void main(String[] words) throws Exception {
        for (InetAddress address : InetAddress.getAllByName(words[0])) System.out.println(address.getHostAddress());
        var attributes = new InitialDirContext().getAttributes("dns:/" + words[0], new String[] {"A"});
        System.out.println("JNDI " + attributes.get("A").get());
        var connection = (HttpURLConnection) new URL(words[1]).openConnection();
        System.out.print(new String(connection.getInputStream().readAllBytes()));
    }
}
"""


def test_java_looks_up_and_fetches(runs, served):
    """By the C library, and by Java's own resolver (JNDI), which reads /etc/resolv.conf."""
    (served / "page").write_text("from far away\n", encoding="ascii")
    upstreams.write(runs.work, "Fetch.java", JAVA, mode=0o644)
    done = runs.run("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "Fetch.java", NAME, f"{HTTP}/page", timeout=SLOW)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert sorted(lines[:2]) == sorted([topology.FAR[4], "2001:db8:f:0:0:0:0:10"]), done.stdout
    assert lines[2:] == [f"JNDI {topology.FAR[4]}", "from far away"], done.stdout


def test_go_looks_up_by_itself_and_fetches(runs, served):
    """netdns=go: Go's own resolver, whatever the program was linked with; it says so."""
    (served / "page").write_text("from far away\n", encoding="ascii")
    done = runs.run("env", "GODEBUG=netdns=go+2", "hey", "-n", "4", "-c", "2", f"{HTTP}/page")
    assert done.returncode == 0 and "[200]\t4 responses" in done.stdout, said(done)
    assert "GODEBUG setting forcing use of Go's resolver" in done.stderr and f"hostLookupOrder({NAME})" in done.stderr


# --- in sandboxes and under debuggers ------------------------------------------------------------


def test_bubblewrap_with_a_home_of_its_own_uses_the_tunnel(runs, served):
    (served / "page").write_text("from far away\n", encoding="ascii")
    sandbox = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-all",
               "--share-net", "--die-with-parent"]  # fmt: skip
    done = runs.run(*sandbox, "curl", "-sS", "-m", 20, f"{HTTP}/page")
    assert (done.returncode, done.stdout) == (0, "from far away\n"), done.stderr


def test_gdb_follows_a_child_into_the_network(runs, served):
    (served / "page").write_text("from far away\n", encoding="ascii")
    words = ["-ex", "set follow-fork-mode child", "-ex", "catch exec", "-ex", "run", "-ex", "catch syscall connect",
             "-ex", "continue", "-ex", "delete", "-ex", "continue"]  # fmt: skip
    child = f"curl -sS -m 60 {HTTP}/page; true"
    done = runs.run("gdb", "-nx", "-batch", *words, "--args", "sh", "-c", child, timeout=SLOW)
    assert "call to syscall connect" in done.stdout and "from far away" in done.stdout, said(done)
