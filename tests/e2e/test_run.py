"""`tfunnel run`: real programs whose whole network is the tunnel, as an ordinary user."""

import contextlib
import os
import signal
import socket
import subprocess
import time

import isolation
import netlab
import pytest
import runs as runs_module
import topology
import upstreams
from test_dns import NAME, NAMESERVER, start_dnsmasq

CAPTURES = False

FAMILIES = pytest.mark.parametrize("family", [4, 6])
HTTP_PORT = 8080
USAGE, LINK_LOST, NO_PERMISSION, CANNOT_EXECUTE, NOT_FOUND = 64, 69, 77, 126, 127
BROKEN = 70


@pytest.fixture(name="web")
def _web(lab):
    folder = os.path.join(lab.directory, "www")
    os.makedirs(folder)
    with open(os.path.join(folder, "page"), "w", encoding="ascii") as file:
        file.write("from far away\n")
    command = ["python3", "-m", "http.server", "--bind", "::", "--directory", folder, str(HTTP_PORT)]
    server = lab.far.start(command, name="web")
    netlab.wait_listening(lab.far, "tcp", HTTP_PORT, process=server)
    return folder


def url(family, path="page"):
    host = topology.FAR[family]
    return f"http://{f'[{host}]' if family == 6 else host}:{HTTP_PORT}/{path}"


# --- programs ------------------------------------------------------------------------------------


@FAMILIES
def test_curl_goes_through_the_link(runs, web, family):
    del web
    done = runs.run("curl", "-sS", "-m", 20, url(family))
    assert (done.returncode, done.stdout) == (0, "from far away\n"), done.stderr
    assert "network: IPv4 and IPv6" in done.stderr


def test_without_via_the_far_end_runs_here(lab, runs):
    """The client's own address on lan0 can be reached from the client's namespace alone."""
    server = lab.client.start([topology.traffic(), "serve", "--port", "7000"])
    server.wait_for_log("ready")
    words = ["flows", "--count", 5, "--to", topology.CLIENT_LAN[4], "--port", 7000]
    done = runs.run(topology.traffic(), *words, via=False)
    assert done.returncode == 0, done.stderr


def test_program_reaches_out_through_a_corporate_proxy(lab, runs, web):
    """Nothing but the proxy leads out of the client's namespace."""
    del web
    upstreams.tinyproxy(lab, listen=topology.FAR_MGMT[4])
    options = ["--http-proxy", f"http://{topology.FAR_MGMT[4]}:{upstreams.TINYPROXY_PORT}"]
    done = runs.run("curl", "-sS", "-m", 20, url(4), options=options, via=False)
    assert (done.returncode, done.stdout) == (0, "from far away\n"), done.stderr


def test_standard_error_that_nobody_reads_holds_up_nothing(runs, web):
    """The pipe behind it is full, and another user's, who may not open it once more."""
    del web
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"filler\n")
    os.set_blocking(write, True)
    process = runs.start("curl", "-sS", "-m", 20, url(4), stderr=write, stdout=subprocess.PIPE, options=["-v"])
    os.close(write)
    assert process.popen.stdout.read() == b"from far away\n"
    assert process.wait() == 0
    os.close(read)


WRITER = """
import socket, sys
with socket.create_connection((sys.argv[1], 7300)) as connection:
    connection.sendall(bytes(int(sys.argv[2])))
"""


def test_what_the_program_wrote_last_still_arrives(lab, runs):
    """It ends as soon as the kernel has its data; a server that reads slowly gets all of it, and a clean end."""
    size = 8_000_000
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(topology.FAR[4], 7300)) as listener:
        listener.listen()
        run = runs.start("python3", "-c", WRITER, topology.FAR[4], size)
        connection, _ = listener.accept()
        connection.settimeout(netlab.patient(10))
        received = 0
        with connection:
            while data := connection.recv(20_000):
                received += len(data)
                time.sleep(0.0005)  # a slow reader, not a wait
        assert received == size
        assert run.wait() == 0


def test_options_of_the_proxy_reach_the_far_end_here(runs, web):
    """--deny is the proxy's: without --via it must have its effect."""
    del web
    deny = ["--deny", "*", "--log_level", "info"]
    done = runs.run("curl", "-sS", "-m", 20, url(4), options=deny, via=False)
    assert done.returncode != 0 and "denied" in done.stderr, done.stderr


def test_config_file_of_a_client_does_not_make_the_far_end_a_client(runs):
    path = os.path.join(runs.directory, "tfunnel.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("udp-timeout = 5\nhide = /usr/share\n")
    done = runs.run("ls", "/usr/share", options=["--config", path], via=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_git_clone(lab, runs):
    folder = os.path.join(lab.directory, "git")
    for command in (
        ["git", "init", "-q", "-b", "main", f"{folder}/project"],
        ["git", "-C", f"{folder}/project", "-c", "user.name=x", "-c", "user.email=x@example.test",
         "commit", "-q", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(command, check=True)
    daemon = lab.far.start(["git", "-c", "safe.directory=*", "daemon", "--export-all", "--reuseaddr",
                            f"--base-path={folder}"])
    netlab.wait_listening(lab.far, "tcp", 9418, process=daemon)
    done = runs.run("git", "clone", "-q", f"git://{topology.FAR[4]}/project", "copy")
    assert done.returncode == 0, done.stderr
    assert os.path.isdir(os.path.join(runs.work, "copy", ".git"))


def test_ssh(lab, runs, commands, keys):
    commands.start_sshd()
    key = os.path.join(runs.work, "key")
    with open(os.path.join(keys, "user_key"), "rb") as source, open(key, "wb") as copy:
        copy.write(source.read())
    os.chmod(key, 0o600)
    if runs.user:
        os.chown(key, 1000, 1000)
    done = runs.run(
        "ssh", "-F", "/dev/null", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "BatchMode=yes", "-p", topology.SSH_PORT, f"e2e@{topology.FAR_MGMT[4]}", "cat; echo $SSH_CONNECTION; exit 3",
        input="typed\n")
    assert done.returncode == 3, done.stderr
    # From the far end's own address: the connection was made there.
    assert done.stdout.splitlines()[0] == "typed" and done.stdout.split()[1] == topology.FAR_MGMT[4]


def test_names_are_looked_up_by_the_far_end(lab, runs, web):
    del web
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER[4]}\n"):
        start_dnsmasq(lab, NAMESERVER[4])
        done = runs.run("curl", "-sS", "-m", 20, f"http://{NAME}:{HTTP_PORT}/page")
        assert done.stdout == "from far away\n", done.stderr
        done = runs.run("dig", "+short", "+time=20", NAME, "AAAA")
        assert done.stdout.split() == [topology.FAR[6]], done.stderr


def test_dns_option_names_other_nameservers(lab, runs):
    start_dnsmasq(lab, NAMESERVER[4])
    done = runs.run("sh", "-c", f"cat /etc/resolv.conf; dig +short +time=20 {NAME} A", options=["--dns", NAMESERVER[4]])
    assert f"nameserver {NAMESERVER[4]}\n" in done.stdout and "198.18.0.53" not in done.stdout
    assert done.stdout.split()[-1] == topology.FAR[4], done.stderr


def test_resolver_address_is_the_programs_nameserver(lab, runs):
    """Else the program asks an address that nobody answers at."""
    start_dnsmasq(lab, topology.FAR_MGMT[4])
    done = runs.run("sh", "-c", f"cat /etc/resolv.conf; dig +short +time=20 {NAME} A", via=False,
                    options=["--resolver-address", "203.0.113.53", "--dns", topology.FAR_MGMT[4]])
    assert "nameserver 203.0.113.53\n" in done.stdout and "198.18.0.53" not in done.stdout
    assert done.stdout.split()[-1] == topology.FAR[4], done.stderr


def test_without_a_resolver_the_program_asks_the_nameserver_itself(lab, runs):
    start_dnsmasq(lab, topology.FAR_MGMT[4])
    done = runs.run("sh", "-c", f"cat /etc/resolv.conf; dig +short +time=20 {NAME} A", via=False,
                    options=["--resolver-address", "none", "--dns", topology.FAR_MGMT[4]])
    assert "nameserver none" not in done.stdout and f"nameserver {topology.FAR_MGMT[4]}\n" in done.stdout
    assert done.stdout.split()[-1] == topology.FAR[4], done.stderr


@FAMILIES
def test_udp_program(lab, runs, family):
    lab.serve()
    for words in (["expect", "reply", "--udp"], ["flows", "--count", 20]):
        done = runs.run(topology.traffic(), *words, "--to", topology.FAR[family], "--port", topology.SERVER_PORT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_statically_linked_program(lab, runs):
    """No library of ours, no LD_PRELOAD: the kernel does it."""
    lab.serve()
    source = os.path.join(runs.directory, "static.c")
    with open(source, "w", encoding="ascii") as file:
        file.write(
            "#include <arpa/inet.h>\n#include <stdio.h>\n#include <sys/socket.h>\n#include <unistd.h>\n"
            "int main(int n, char **v) { (void)n; struct sockaddr_in a = {AF_INET, htons(%d), {inet_addr(v[1])}, {0}};\n"
            "int s = socket(AF_INET, SOCK_STREAM, 0); char b[8];\n"
            "if (connect(s, (void *)&a, sizeof a)) return 1; printf(\"%%zd\\n\", read(s, b, 1)); return 0; }\n"
            % (topology.SERVER_PORT + 1))  # the banner port: the server speaks first
    binary = os.path.join(runs.directory, "static")
    subprocess.run(["gcc", "-static", "-o", binary, source], check=True)
    done = runs.run(binary, topology.FAR[4])
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_run_inside_run(runs, web):
    del web
    inner = [runs.tfunnel, "run", "--", "curl", "-sS", "-m", 20, url(6)]
    done = runs.run(*inner)
    assert (done.returncode, done.stdout) == (0, "from far away\n"), done.stderr


def test_refused_and_unreachable_end_at_once(runs):
    done = runs.run("curl", "-sS", "-m", 20, f"http://{topology.FAR[4]}:{topology.CLOSED_PORT}/")
    assert done.returncode in (7, 52, 56), done.stderr  # not 28, which is a time-out


# --- what the program keeps ----------------------------------------------------------------------


def test_program_keeps_ids_directory_environment_streams_and_descriptors(runs):
    read_end, write_end = os.pipe()
    script = ("id -u; id -g; pwd; echo $KEPT; cat; cat /proc/self/uid_map | wc -l; echo handed >&%d; echo err >&2;"
              "grep -E 'SigBlk|SigIgn|CapEff' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '" % write_end)
    environment = {**runs.environment(), "KEPT": "kept"}
    command = runs.command("bash", "-c", script)
    outside = runs.lab.client.run([*runs.user, "bash", "-c", script], env=environment, cwd=runs.work, input="in\n",
                                  pass_fds=[write_end])
    inside = runs.lab.client.run(command, env=environment, cwd=runs.work, input="in\n", pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as end:
        assert end.read() == "handed\nhanded\n"
    assert inside.stdout == outside.stdout
    assert "err\n" in inside.stderr


def test_network_is_a_loopback_device_and_a_card_that_leads_nowhere(runs):
    """Both ends of its cable are there: a device whose other end lies in another namespace has a link-netnsid."""
    done = runs.run("ip", "-o", "link")
    names = [line.split(": ")[1] for line in done.stdout.splitlines()]
    assert names == ["lo", "eth0@veth0", "veth0@eth0"] and "netns" not in done.stdout


def test_proc_shows_the_namespace(runs):
    done = runs.run("sh", "-c", "ls /proc | grep -c '^[0-9]'; echo $$")
    count, own = map(int, done.stdout.split())
    assert count < 8 and own < 10, done.stdout


# --- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1, 7, 64, 255])
def test_exit_status_is_the_programs(runs, status):
    assert runs.run("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGPIPE])
def test_end_by_signal_is_the_programs(runs, number):
    done = runs.run("sh", "-c", f"kill -{int(number)} $$")
    assert done.returncode == -number, done.stderr


def test_program_that_does_not_exist(runs):
    done = runs.run("no-such-program")
    assert done.returncode == NOT_FOUND and "no-such-program: no such program" in done.stderr


def test_program_that_cannot_be_executed(runs):
    done = runs.run("/etc/passwd")
    assert done.returncode == CANNOT_EXECUTE and "/etc/passwd: cannot be executed" in done.stderr


def test_program_is_not_started_without_a_link(runs):
    runs.via = "exit 1"
    done = runs.run("sh", "-c", "echo started > file")
    assert done.returncode != 0 and os.listdir(runs.work) == [], done.stderr
    assert "tfunnel run: " in done.stderr


@pytest.mark.parametrize("words", [
    ["run"], ["run", "--"], ["run", "curl"], ["run", "--tty", "--", "true"], ["run", "--no-such", "--", "true"],
    ["run", "--hide", "relative", "--", "true"], ["run", "--show", "relative", "--", "true"], ["run", "--hide", "/no/such/path", "--", "true"],
    ["run", "--via", "x", "--http-proxy", "http://p:1", "--", "true"],
    ["run", "--via", "x", "--dns", "192.0.2.1:5353", "--", "true"],
    ["run", "--resolver-address", "none", "--", "true"],
    ["run", "--resolver-address", "none", "--dns", "192.0.2.1:5353", "--", "true"],
    ["run", "--preserve-source", "--", "true"],
    ["run", "--via", "", "--", "true"], ["run", "--socks5", "", "--", "true"], ["run", "--http-proxy", "", "--", "true"],
    ["run", "--http-proxy", "htp://x", "--", "true"], ["run", "--socks5", "h:0", "--", "true"],
    ["run", "--socks5", "h", "--socks5-password-file", "/no/such", "--", "true"],
    ["run", "--http-proxy", "http://p:1", "--no-proxy", "10.0.0.0/99", "--", "true"],
    ["run", "--port", "1", "--", "true"], ["proxy", "--port", "12300"], ["proxy", "--no-seccomp"],
], ids=" ".join)
def test_usage_error(words):
    done = subprocess.run([topology.tfunnel(), *words], capture_output=True, text=True, timeout=netlab.patient(20),
                          check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == USAGE, done.stderr
    assert done.stdout == "" and done.stderr.startswith("tfunnel: ") and len(done.stderr.splitlines()) < 5


def test_help():
    done = subprocess.run([topology.tfunnel(), "run", "--help"], capture_output=True, text=True,
                          timeout=netlab.patient(20), check=False)
    assert done.returncode == 0
    for word in ("--via", "--hide", "--show", "--no-seccomp", "--dns", "--http-proxy", "-- PROGRAM"):
        assert word in done.stdout


def test_forbidden_namespaces_are_explained(runs):
    """A user namespace may limit how many there are below it."""
    script = "echo 0 > /proc/sys/user/max_user_namespaces; exec " + runs.tfunnel + " run -- true"
    done = runs.lab.client.run(["unshare", "-U", "-r", "sh", "-c", script], check=False)
    assert done.returncode == NO_PERMISSION, done.stderr
    assert "sysctl -w user.max_user_namespaces=" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2])
def test_signal_sent_to_us_reaches_the_program(runs, number):
    run = runs.start("sh", "-c", f"trap 'echo got; exit 9' {int(number)}; echo up; while :; do sleep 0.05; done")
    run.wait_for_log("(?m)^up")
    run.signal(number)
    assert run.wait() == 9
    assert "\ngot\n" in run.log()


def test_usr1_prints_the_flows_and_leaves_the_program_alone(runs):
    go = os.path.join(runs.work, "go")
    run = runs.start("sh", "-c", f"echo up; while [ ! -e {go} ]; do sleep 0.05; done; exit 9")
    run.wait_for_log("(?m)^up")
    run.signal(signal.SIGUSR1)
    run.wait_for_log("(?m)^flows: 0 now")
    with open(go, "w", encoding="ascii"):
        pass
    assert run.wait() == 9, run.log()


def test_usr1_while_the_link_starts_ends_nothing(runs):
    runs.via = "echo starting >&2; sleep 1000"
    run = runs.start("true")
    run.wait_for_log("starting")
    run.signal(signal.SIGUSR1)
    run.wait_for_log("the link is down")
    run.signal(signal.SIGINT)
    assert run.wait() == -signal.SIGINT


def test_interrupt_while_the_link_starts(runs):
    runs.via = "echo starting >&2; sleep 1000"
    traces = runs_module.Traces(runs)
    run = runs.start("true")
    run.wait_for_log("starting")
    run.signal(signal.SIGINT)
    assert run.wait() == -signal.SIGINT
    traces.wait_for_none()


# --- nothing is left -----------------------------------------------------------------------------

DAEMONS = "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; (trap '' TERM; sleep 1000) & "


@pytest.mark.parametrize("end", ["exit 0", "kill -9 $$"])
def test_nothing_is_left_of_daemons(runs, end):
    traces = runs_module.Traces(runs)
    runs.run("sh", "-c", f"exec > /dev/null 2>&1; {DAEMONS} {end}")
    # No waiting: when run has ended, everything has.
    left = traces.difference()
    assert not left, left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
@pytest.mark.parametrize("victim", ["front", "init", "client", "program", "link"])
def test_nothing_is_left_when_a_process_is_killed(runs, victim, number):
    traces = runs_module.Traces(runs)
    run = runs.start("sh", "-c", DAEMONS + "echo up; exec sleep 1000")
    run.wait_for_log("(?m)^up")
    parts = netlab.wait_until(lambda: runs.parts(run.pid), what="all processes")
    os.kill(parts[victim], number)
    if victim == "init" and number != signal.SIGKILL:
        run.signal(signal.SIGTERM)  # process 1 of a namespace ignores what it has not asked for
    if victim == "link":
        run.signal(signal.SIGTERM)  # whether a lost link ends the run is not the question here
    status = run.wait(20)
    assert status != 0
    if number == signal.SIGKILL and victim in ("init", "client"):
        assert status == BROKEN and "killed" in run.log()
    traces.wait_for_none()
