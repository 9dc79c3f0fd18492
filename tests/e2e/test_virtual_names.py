"""Programs whose names only the upstream proxy can resolve: squid looks them up, and the far end's nameservers cannot."""

import json
import os
import shutil
import subprocess
import sys

import isolation
import netlab
import pytest
import topology
import upstreams

NAME = "other.example"  # make_certificates() has a certificate for it
INSIDE = "inside.example.corp"
CAPTURES = False
FAR_END_OPTIONS = ("--http-proxy", rf"http\://127.0.0.1\:{upstreams.SQUID_PORT}", "--no-proxy", "direct.example.corp")
OUTSIDE_SERVER = topology.FAR_OTHER[4]  # squid's
INSIDE_SERVER = "203.0.113.12"  # the far end's
RESOLVER = "198.18.0.53"
FILES_PORT = 8080
POOL = {4: "198.19.", 6: "fd0b:7edb:898f:2aef:"}


@pytest.fixture(scope="session", name="certificates")
def _certificates(tmp_path_factory):
    return upstreams.make_certificates(tmp_path_factory.mktemp("certificates"))


def dnsmasq(lab, address, *words):
    command = [
        "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts", "--user=",
        "--bind-interfaces", "--except-interface=lo0", f"--listen-address={address}", "--log-queries", *words,
    ]  # fmt: skip
    server = lab.far.start(command, name="dnsmasq-" + address)
    netlab.wait_until(lambda: "started" in server.log(), what="dnsmasq")
    return server


# The far end's nameserver's way with outside names. It knows the inside one, if it answers at all.
def refusing(lab):
    dnsmasq(lab, INSIDE_SERVER, f"--host-record={INSIDE},{topology.FAR[4]}")
    return INSIDE_SERVER


def denying(lab):
    dnsmasq(lab, INSIDE_SERVER, f"--host-record={INSIDE},{topology.FAR[4]}", "--local=/#/")
    return INSIDE_SERVER


def silent(lab):
    del lab
    return topology.SILENT_HOST[4]


def absent(lab):
    del lab
    return INSIDE_SERVER


@pytest.fixture(name="outside")
def _outside(lab, certificates, request):
    """squid and what it can resolve, a web server of that name, and a far end whose nameserver cannot."""
    lab.far.ip(f"addr add {INSIDE_SERVER}/32 dev lo")
    dnsmasq(lab, OUTSIDE_SERVER, f"--host-record={NAME},{topology.FAR[4]}")
    squid = upstreams.Squid(lab, f"hosts_file none\ndns_nameservers {OUTSIDE_SERVER}\n")
    upstreams.web_server(lab, f"{certificates}/other.pem")
    nameserver = getattr(request, "param", refusing)(lab)
    with isolation.replaced("/etc/resolv.conf", f"nameserver {nameserver}\n"):
        yield squid


def was_told_the_name(squid, port, name=NAME):
    pattern = netlab.re.compile(rf" TCP_TUNNEL/200 .* CONNECT {netlab.re.escape(name)}:{port} ")
    netlab.wait_until(lambda: pattern.search(squid.log()), what=f"CONNECT {name}:{port} in squid's log")
    assert POOL[4] not in squid.log() and POOL[6] not in squid.log()


def curl(runs, certificates, url, *words):
    command = ["curl", "-sS", "-m", "60", "--noproxy", "*", "--cacert", shared(runs, f"{certificates}/ca.pem"), *words, url]
    return runs.run(*command, timeout=90)


def shared(runs, path):
    """A copy that the run's user may read."""
    copy = os.path.join(runs.work, os.path.basename(path))
    shutil.copy(path, copy)
    os.chmod(copy, 0o644)
    return copy


def dig(runs, *words):
    return runs.run("dig", "+time=20", "+tries=1", *words, timeout=30).stdout


def serve_files(lab, directory):
    command = [sys.executable, "-m", "http.server", "--bind", topology.FAR[4], "--directory", str(directory), str(FILES_PORT)]
    server = lab.far.start(command, name="files")
    netlab.wait_listening(lab.far, "tcp", FILES_PORT, process=server)


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


# --- the programs --------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", [refusing, denying, silent, absent], indirect=True)
def test_curl_finds_what_only_the_proxy_can_resolve(runs, outside, certificates):
    for port, scheme in ((443, "https"), (80, "http")):
        done = curl(runs, certificates, f"{scheme}://{NAME}/")
        assert done.stdout == f"port {port}\n", done.stderr
        was_told_the_name(outside, port)


@pytest.mark.parametrize("family", [4, 6])
def test_either_family_leads_there(runs, outside, certificates, family):
    assert curl(runs, certificates, f"https://{NAME}/", f"-{family}").stdout == "port 443\n"
    was_told_the_name(outside, 443)


def test_git_clones(lab, runs, outside, tmp_path):
    def git(*words, cwd=tmp_path):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example"]
        subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True)

    git("init", "-q", "project")
    (tmp_path / "project" / "file").write_text("hello\n")
    git("add", "file", cwd=tmp_path / "project")
    git("commit", "-q", "-m", "first", cwd=tmp_path / "project")
    git("clone", "-q", "--bare", "project", "served/project.git")
    git("update-server-info", cwd=tmp_path / "served" / "project.git")
    serve_files(lab, tmp_path / "served")
    done = runs.run("git", "clone", "-q", f"http://{NAME}:{FILES_PORT}/project.git")
    assert done.returncode == 0, done.stderr
    assert os.path.exists(os.path.join(runs.work, "project", "file"))
    was_told_the_name(outside, FILES_PORT)


def test_npm_installs(lab, runs, outside, tmp_path):
    need("npm")
    registry = f"http://{NAME}:{FILES_PORT}"
    served, package = tmp_path / "served", tmp_path / "package"
    for directory in (served, package):
        directory.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "small", "version": "1.0.0"}))
    subprocess.run(["tar", "-czf", str(served / "small-1.0.0.tgz"), "-C", str(tmp_path), "package"], check=True)
    version = {"name": "small", "version": "1.0.0", "dist": {"tarball": f"{registry}/small-1.0.0.tgz"}}
    about = {"name": "small", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    (served / "small").write_text(json.dumps(about))
    serve_files(lab, served)
    options = ["--no-audit", "--no-fund", "--no-update-notifier", "--registry", registry]
    done = runs.run("npm", "install", *options, "small", timeout=120)
    assert done.returncode == 0, done.stderr
    assert os.path.exists(os.path.join(runs.work, "node_modules", "small", "package.json"))
    was_told_the_name(outside, FILES_PORT)


def test_browser_loads_a_page(runs, outside):
    need("chromium")
    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-dev-shm-usage", "--ignore-certificate-errors", f"--user-data-dir={runs.work}/profile", "--dump-dom",
    ]  # fmt: skip
    done = runs.run("chromium", *options, f"https://{NAME}/", timeout=120)
    assert "port 443" in done.stdout, done.stderr
    was_told_the_name(outside, 443)


@pytest.mark.parametrize("source", ["local", "forwarded"])
def test_captured_programs_find_it_too(lab, start_tunnel, outside, certificates, source):
    lab.capture()
    start_tunnel(proxy_args=f"--http-proxy http://127.0.0.1:{upstreams.SQUID_PORT}")
    for kind, family in (("A", 4), ("AAAA", 6)):
        query = ["dig", f"@{RESOLVER}", "+time=20", "+tries=1", "+short", NAME, kind]
        address = lab.source(source).run(query).stdout.strip()
        assert address.startswith(POOL[family])
        there = ["--resolve", f"{NAME}:443:{address}", f"https://{NAME}/"]
        done = lab.source(source).run(["curl", "-sS", "-m", "60", "--cacert", f"{certificates}/ca.pem", "--noproxy", "*", *there])
        assert done.stdout == "port 443\n"
    was_told_the_name(outside, 443)


# --- the answers ---------------------------------------------------------------------------------


def test_every_far_end_gives_the_same_answers(runs, outside):
    """Each run has a far end of its own, as each of --links has, and a link that was lost. Over TCP they are the same."""
    del outside
    for kind, family in (("A", 4), ("AAAA", 6)):
        words = [(NAME,), (NAME, "+tcp"), ("another.example", "+tcp")]
        once, again, other = (dig(runs, "+short", kind, *more).split() for more in words)
        assert len(once) == len(other) == 1 and once == again != other
        assert once[0].startswith(POOL[family])


def test_address_that_an_earlier_far_end_gave_still_leads_to_its_name(runs, outside, certificates):
    address = dig(runs, "+short", NAME).strip()
    done = curl(runs, certificates, f"https://{NAME}/", "--resolve", f"{NAME}:443:{address}")
    assert done.stdout == "port 443\n", done.stderr
    was_told_the_name(outside, 443)
    wrong = curl(runs, certificates, f"http://{NAME}/", "--resolve", f"{NAME}:80:{POOL[4]}7.7")
    assert wrong.returncode != 0 and f"{NAME}:80" not in outside.log()


def test_one_far_end_remembers_its_names(runs, outside):
    """Several questions of one run: the same address again, its name in reverse, and no records of other types."""
    del outside
    script = f"""
        first=$(dig +short {NAME}) again=$(dig +short {NAME})
        echo "$first $again $(dig +short -x $first) $(dig +short -x $(dig +short {NAME} AAAA))"
        dig {NAME} HTTPS; dig {NAME} MX"""
    done = runs.run("bash", "-c", script, timeout=60)
    first, again, reverse, reverse6 = done.stdout.splitlines()[0].split()
    assert first == again and reverse == reverse6 == NAME + "."
    assert done.stdout.count("status: NOERROR") == 2 and done.stdout.count("ANSWER: 0") == 2


@pytest.mark.parametrize("outside", [refusing, denying], indirect=True)
def test_real_answers_win(runs, outside):
    del outside
    assert dig(runs, "+short", INSIDE).split() == [topology.FAR[4]]
    assert "status: NOERROR" in dig(runs, NAME)


@pytest.mark.parametrize("outside", [refusing, denying], indirect=True)
def test_names_that_do_not_go_to_the_proxy_stay_unknown(runs, outside):
    del outside
    for name in ("direct.example.corp", "below.direct.example.corp", "short", "printer.local"):
        answer = dig(runs, name)
        assert "ANSWER: 0" in answer and ("REFUSED" in answer or "NXDOMAIN" in answer), answer


# --- datagrams, and addresses without a name -----------------------------------------------------

QUIC = """
import socket, sys
address = sys.argv[1]
flow = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
flow.connect((address, 443))
flow.settimeout(20)
try:
    flow.send(bytes(1200))
    print(flow.recv(2000))
except ConnectionRefusedError:
    print("refused")
"""


@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_datagrams_are_refused_at_once(runs, outside, kind):
    del outside
    done = runs.run("bash", "-c", f"python3 -c '{QUIC}' $(dig +short {NAME} {kind})", timeout=60)
    assert done.stdout == "refused\n", done.stderr


@pytest.mark.parametrize("address", [POOL[4] + "7.7", POOL[6] + ":7"])
def test_address_without_a_name_never_goes_out(runs, outside, address):
    host = f"[{address}]" if ":" in address else address
    done = runs.run("curl", "-sS", "-m", "60", "--noproxy", "*", f"http://{host}/")
    assert done.returncode not in (0, 28), "at once"
    assert "CONNECT" not in outside.log()


def test_metadata_service_is_denied_by_name(runs, outside):
    """No matter what the proxy would make of the name."""
    done = runs.run("curl", "-sS", "-m", "60", "--noproxy", "*", "http://metadata.google.internal/")
    assert done.returncode not in (0, 28), "at once"
    runs.far_end.wait_for_log("refused: tcp .*metadata")
    assert "metadata" not in outside.log()


# --- by the option -------------------------------------------------------------------------------


def run_here(lab, runs, *program, options=()):
    """The far end is the program's own, on the machine that has squid."""
    upstream = ["--http-proxy", f"http://127.0.0.1:{upstreams.SQUID_PORT}"]
    command = runs.command(*program, options=[*upstream, *options], via=False)
    return lab.far.run(command, check=False, env=runs.environment(), cwd=runs.work, timeout=60)


@pytest.mark.parametrize("more", [[], ["--proxy-names", "never"]], ids=["auto", "never"])
def test_option_does_so_whatever_names_are_used_for(lab, runs, outside, certificates, more):
    program = ["curl", "-sS", "-m", "60", "--noproxy", "*", "--cacert", shared(runs, f"{certificates}/ca.pem")]
    done = run_here(lab, runs, *program, f"https://{NAME}/", options=["--dns", "virtual", *more])
    assert done.stdout == "port 443\n", done.stderr
    was_told_the_name(outside, 443)


@pytest.mark.parametrize("options, why", [
    (["--dns", "virtual"], "needs an upstream proxy"),
    (["--dns", "virtual", "--http-proxy", "http://192.0.2.1", "--deny", "10.0.0.0/8"], "excludes --allow and --deny"),
    (["--dns", "virtual", "--http-proxy", "http://192.0.2.1", "--resolver-address", "none"], "--resolver-address none"),
])  # fmt: skip
def test_option_without_what_it_needs_is_a_usage_error(lab, options, why):
    done = lab.far.run([topology.tfunnel(), "proxy", *options], check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 64 and why in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_option_of_the_far_end_is_not_one_of_run(runs, outside):
    del outside
    done = runs.run("true", options=["--dns", "virtual"])
    assert done.returncode == 64 and "far end" in done.stderr, done.stderr
