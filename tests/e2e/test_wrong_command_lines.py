"""What is typed wrong is refused before anything starts: a documented status, and one line that names the word."""

import json
import os
import subprocess

import netlab
import pytest
import topology

USAGE = 64
BAD_CONFIG = 78
STARTED = "started"  # the file that the command of --via makes
VIA = f"touch {STARTED}"
# Without them root may read anything.
LIKE_A_USER = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def refuse(tmp_path, command, status, *parts, prefix=(), **variables):
    """Runs `command`, and checks that it ends by itself, having done nothing but say a line with `parts` in it."""
    done = subprocess.run([*prefix, *command], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=netlab.patient(10), env={"PATH": os.environ["PATH"], **variables})
    assert done.returncode == status, done.stderr
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1 and done.stderr.endswith(b"\n"), done.stderr
    assert all(0x20 <= byte < 0x7f for byte in done.stderr[:-1]), done.stderr
    assert len(done.stderr) < 700, done.stderr
    for part in parts:
        assert part in done.stderr.decode(), done.stderr
    assert b"secret" not in done.stderr, done.stderr
    assert not os.path.exists(tmp_path / STARTED), "something was started"


def named(rows):
    """Ids that pytest can print."""
    return [pytest.param(*row, id=ascii(row[0] if isinstance(row[0], str) else " ".join(row[0]))[1:60]) for row in rows]


# ---- The client, and commands

SECONDS = ["", " ", "soon", "-1", "-0.5", "nan", "inf", "-inf", "infinity", "1e999", "0x10", "10s", "5 ", "1,5", "1 2", "--"]
NUMBERS = ["", "0", "-1", "+1", "65.5", "1e1", "0x2", "2x", " 2", "x", "99999999999999999999"]

CLIENT = [
    *[(["--port", word], "--port") for word in [*NUMBERS, "65536", "http", "12300,12301", "12300-12310"]],
    (["-p0"], "'0'"), (["-p=12300"], "'=12300'"), (["--port="], "--port"), (["--port"], "--port"),
    *[(["-p", "12300", "--fwmark", word], "--fwmark")
      for word in ["", "0", "-1", "0x", "0x0", "0x1g", "0x100000000", "4294967296", "1/3", "mark", "0b11", "010x"]],
    (["--fwmark", "3"], "--fwmark"), (["--via", VIA], "--via"), (["--links", "2"], "--links"),
    (["--keep-trying"], "--keep-trying"), (["-p", "12300", "--keep-trying"], "--via"),
    (["--link-wait", "2"], "--link-wait"), (["-p", "12300", "--links", "2"], "--links"),
    (["-p", "12300", "--via", ""], "--via"), (["-p", "12300", "--via", " \t"], "--via"),
    (["-p", "12300", "--via", VIA, "--via", VIA], "--via"),
    (["-p", "12300", "--via", VIA, "--tty"], "--tty"),
    *[(["-p", "12300", "--via", VIA, "--links", word], "--links") for word in [*NUMBERS, "65"]],
    *[(["-p", "12300", "--via", VIA, "--link-wait", word], "--link-wait") for word in SECONDS],
    *[(["-p", "12300", "--via", VIA, *options], options[0]) for options in [
        ["--http-proxy", "http://p"], ["--proxy-from-env"], ["--proxy-user", "u"], ["--no-proxy", "x"], ["--dns", "192.0.2.1"],
        ["--allow", "10.0.0.0/8"], ["--deny", "10.0.0.0/8"], ["--far-loopback"], ["--socks5", "h"], ["--preserve-source"],
        ["--connect-timeout", "5"], ["--resolver-address", "10.0.0.1"], ["--proxy-names", "never"], ["--proxy-ca", "/x"]]],
    (["-p", "12300", "--hide", "/tmp"], "--hide"), (["-p", "12300", "--summary"], "--summary"),
    # Words that are no options.
    (["nosuch"], "'nosuch'"), (["rn"], "did you mean 'run'?"), (["porxy"], "did you mean 'proxy'?"), (["RUN"], "'RUN'"),
    (["user@host"], "--via 'ssh user@host tfunnel'"), (["host.example"], "--via 'ssh host.example tfunnel'"),
    (["12300"], "-p 12300?"), ([""], "''"), (["/etc/passwd"], "'/etc/passwd'"), (["-"], "'-'"),
    (["-p", "12300", "user@host"], "--via 'ssh user@host tfunnel'"), (["-v", "run", "--", "true"], "tfunnel run"),
    (["-p", "12300", "12301"], "-p 12301"), (["-p", "12300", "--", "curl"], "'curl'"),
    (["-p", "12300", "--via", "touch", STARTED], "--via"), (["-p", "12300", "--via=touch", STARTED], "--via"), (["-p", "12300", "ssh host tfunnel"], "'ssh host tfunnel'"),
    (["a\nb\x1b[31m"], "\\x0ab\\x1b[31m"), (["\xff\xfe"], "no such command"), (["x" * 5000], "xxx"),
    (["http://me:secret@host"], "---------@host"),
]

RUN = [
    ([], "--"), (["--"], "--"), (["curl"], "-- curl"), (["curl", "-s"], "-- curl"), (["--via", VIA, "curl", "-s"], "-- curl"),
    (["--via", VIA, "curl", "--silent", "https://example.com"], "-- curl"), (["user@host"], "ssh user@host tfunnel"),
    (["--via", "touch", STARTED, "--", "true"], "--via"),
    (["--no-such", "--", "true"], "--no-such"), (["--tty", "--", "true"], "--tty"), (["-p", "12300", "--", "true"], "-p"),
    (["--fwmark", "3", "--", "true"], "--fwmark"), (["--preserve-source", "--", "true"], "--preserve-source"),
    (["--via", "", "--", "true"], "--via"), (["--hide", "", "--", "true"], "--hide"),
    (["--hide", "relative", "--", "true"], "'relative'"), (["--hide", "/no/such", "--", "true"], "/no/such"),
    (["--show", "relative", "--", "true"], "'relative'"), (["--show", "", "--", "true"], "--show"),
    (["--show", "/etc/passwd", "--", "true"], "/etc/passwd"), (["--summary=yes", "--", "true"], "--summary"),
    (["--summary", "--summary", "--", "true"], "--summary"),
    *[(["--via", VIA, *options, "--", "true"], options[0]) for options in [
        ["--http-proxy", "http://p"], ["--http-proxy", "ftp://p"], ["--allow", "x"], ["--allow", "10.0.0.0/8"],
        ["--socks5", ":0"], ["--no-proxy", "10.0.0.0/99"], ["--connect-timeout", "nan"], ["--dns", "192.0.2.1:5353"],
        ["--dns", "virtual"], ["--dns", "host"], ["--links", "0"], ["--link-wait", "-1"], ["--linger", "inf"],
        ["--proxy-password-file", "/nonexistent"]]],
    (["--resolver-address", "none", "--", "true"], "--dns"),
]

UP = [
    *[(["--via", VIA, "--link", word, "--dry-run"], "--link") for word in [
        "", " ", "[::1", "[::1]22", "[::1]:", "[::1]:0", "[::1]:x", "[]:22", "[host]:22", "[192.0.2.1]:22", "]", "2001:db8::1:x", "a:b:c",
        "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", ":22", ":", "192.0.2.1 192.0.2.2", "192.0.2.1\n", "0.0.0.0", "0", "::", "[::]:22",
        "0.0.0.0:22"]],
    *[(["--via", VIA, "--link", word, "--dry-run"], "without user@") for word in ["me@host", "me@192.0.2.1:22", "@", "http://me:secret@host"]],
    (["--via", VIA, "--link", "http://192.0.2.1", "--dry-run"], "no URL"),
    *[(["--via", VIA, "--dry-run", *(word for one in words for word in ("--dns", one))], part) for words, part in [
        (["192.0.2.1", "192.0.2.2"], "'192.0.2.2'"), (["2001:db8::1", "192.0.2.1", "2001:db8::2"], "'2001:db8::2'"),
        (["192.0.2.1", "192.0.2.1:5353"], "'192.0.2.1:5353'"), (["192.0.2.1", "virtual"], "'virtual'"), (["virtual"], "'virtual'"),
        (["far", "192.0.2.1"], "stand alone"), (["192.0.2.1", "far"], "stand alone"), (["keep", "far"], "stand alone"),
        (["host"], "far, keep, or virtual")]],
]

BOTH_ENDS = [
    *[([option, word], option) for option in ("--udp-timeout", "--linger", "--keepalive") for word in SECONDS],
    (["--udp-timeout", "0"], "--udp-timeout"), (["--udp-timeout-stream", "0"], "--udp-timeout-stream"),
    (["--greeting-timeout", "0"], "--greeting-timeout"), (["--keepalive-timeout", "0"], "--keepalive-timeout"),
    *[(["--buffer-size", word], "--buffer-size") for word in [*NUMBERS, "1048575", "64M", "1g", "9223372036854775808"]],
    (["--log-level", "loud"], "'loud'"), (["--log-level", ""], "--log-level"), (["--log-level", "DEBUG"], "'DEBUG'"),
    (["--log-format", "xml"], "'xml'"), (["--data-path", "fast"], "'fast'"),
    (["--verbose", "--quiet"], "--quiet"), (["-v", "--log-level", "error"], "--log-level"),
    (["-q", "--log-level", "debug"], "--log-level"), (["--verbose=yes"], "--verbose"), (["-v", "-v"], "--verbose"),
    (["--keepalive", "60"], "--keepalive-timeout"), (["--keepalive", "0", "--keepalive-timeout", "9"], "--keepalive-timeout"),
    (["--udp_timeout", "5", "--udp-timeout", "6"], "--udp-timeout"), (["--linger"], "--linger"),
    (["--lingre", "3"], "--linger?"), (["--lin", "3"], "--lin"), (["-x"], "'-x'"), (["--no-such=http://me:secret@h"], "'--no-such'"),
    (["--=3"], "'3'"), (["--linger==3"], "'=3'"), (["--l\x1b[2J", "3"], "\\x1b[2J"), (["--log-level", "\x07\r\n\t"], "\\x07\\x0d\\x0a\\x09"),
    (["--log-level", "\xc3\xa9" * 3000], "--log-level"), (["--config", "a", "--config", "b"], "--config"), (["--config"], "--config"),
    (["--config", ""], "--config"), (["--config="], "--config"),
]

FAR_END = [
    *[(["--connect-timeout", word], "--connect-timeout") for word in [*SECONDS, "0", "1e-999"]],
    *[(["--http-proxy", word], "--http-proxy") for word in [
        "", "ftp://h", "http://", "http://h:0", "http://h:65536", "http://h:http", "http://h:-1", "http://h:0x50", "http://[::1",
        "http://[1.2.3.4]:80", "http://a b", "http://2001:db8::1:3128", "http://u:%zz@h", "http://h\x1b[m", "://h",
        "http//u:secret@h:12", "https:/u:secret@h:12", "HTTPS:/u:secret@h"]],
    *[(["--socks5", word], "--socks5") for word in [
        "", ":0", ":1080", "h:0", "h:65536", "h:x", "h:0x1", "h:1080x", "[::1", "[::1]1080", "2001:db8::1:1080", "u:p@", ":p@h", "u:secret", "h\x1b[31m:9", "h h", "[h]", "[192.0.2.1]",
        "h" + "x" * 300 + ":p" * 300 + "@h"]],
    *[(["--dns", word], "--dns") for word in [
        "", "host", "192.0.2", "192.0.2.256", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.1:", "[2001:db8::1", "none",
        "[2001:db8::1]53", "192.0.2.1 192.0.2.2"]],
    (["--dns", "virtual"], "--dns virtual"),
    *[(["--resolver-address", word], "--resolver-address") for word in ["", "x", "192.0.2.1:53", "10.0.0.0/8", "NONE"]],
    (["--resolver-address", "none", "--resolver-address", "10.0.0.1"], "--resolver-address"),
    *[(["--allow", word], "--allow") for word in [
        "", "x", "10.0.0.0/99", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8", "*:0", "*:65536", "*:80-79", "*:80,", "*:x", "*:0x50",
        "host.example:80", "[2001:db8::/32", "2001:db8::/32:80", "10.0.0.0/8 10.1.0.0/16", "\x1b]0;x\x07"]],
    (["--deny", "example.com"], "--deny"), (["--deny"], "--deny"),
    (["--far-loopback-address", "10.99.0.1"], "--far-loopback"),
    *[(["--far-loopback", "--far-loopback-address", word], "--far-loopback-address")
      for word in ["", "x", "127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.0/8"]],
    (["--far-loopback", "--far-loopback-address", "10.9.0.1", "--far-loopback-address", "10.9.0.2"], "10.9.0.2"),
    (["--proxy-names", "perhaps"], "'perhaps'"), (["--proxy-names", "always", "--allow", "10.0.0.0/8"], "--proxy-names"),
    *[(["--http-proxy", "http://p", "--no-proxy", word], "--no-proxy")
      for word in ["", " , ", "10.0.0.0/99", "a b\x7f", "h:65536", "h:x", "[::1", "10.0.0.0/8/8"]],
    # Options without that to which they belong, or against each other.
    (["--no-proxy", "corp.example"], "--no-proxy"), (["--proxy-user", "u"], "--proxy-user"),
    (["--proxy-password-file", "/nonexistent"], "--proxy-password-file"), (["--proxy-ca", "/nonexistent"], "--proxy-ca"),
    (["--http-proxy", "http://p", "--proxy-ca", "/nonexistent"], "--proxy-ca"),
    (["--socks5-user", "u"], "--socks5"), (["--socks5-password-file", "/x"], "--socks5"),
    (["--http-proxy", "http://p", "--proxy-user", "u"], "--proxy-password-file"),
    (["--http-proxy", "http://p", "--proxy-user", "u:secret"], "--proxy-user"), (["--http-proxy", "http://p", "--proxy-user", ""], "--proxy-user must not be empty"),
    (["--http-proxy", "http://p", "--no-proxy", ""], "--no-proxy must not be empty"),
    (["--http-proxy", "http://p", "--socks5", "h"], "--socks5"), (["--socks5", "h", "--socks5", "i"], "--socks5"),
    (["--socks5", "h", "--socks5-user", ""], "--socks5-user"), (["--socks5", "h", "--socks5-password-file", "/dev/null"], "--socks5"),
    # Files.
    *[(["--http-proxy", "http://p", "--proxy-user", "u", "--proxy-password-file", file], why)
      for file, why in [("", "--proxy-password-file"), ("/no/such", "/no/such: No such file"), ("/etc", "/etc: Is a directory"),
                        ("/dev/null", "/dev/null is empty"), ("/dev/zero", "/dev/zero: File too large"),
                        ("/etc/passwd/x", "Not a directory")]],
    *[(["--socks5", "u@h", "--socks5-password-file", file], why)
      for file, why in [("", "--socks5-password-file"), ("/no/such", "/no/such: No such file"), ("/etc", "/etc: Is a directory"),
                        ("/dev/zero", "/dev/zero: File too large")]],
    *[(["--http-proxy", "https://p", "--proxy-ca", file], why)
      for file, why in [("", "--proxy-ca"), ("/no/such", "/no/such: No such file"), ("/etc", "/etc: Is a directory"),
                        ("/etc/passwd", "/etc/passwd"), ("/dev/zero", "/dev/zero: File too large")]],
]


@pytest.mark.parametrize(("words", "part"), named(CLIENT))
def test_client_and_commands(tmp_path, words, part):
    refuse(tmp_path, [topology.tfunnel(), *words], USAGE, part)


@pytest.mark.parametrize(("words", "part"), named(RUN))
def test_run(tmp_path, words, part):
    refuse(tmp_path, [topology.tfunnel(), "run", *words], USAGE, part)


@pytest.mark.parametrize(("words", "part"), named(UP))
def test_up(tmp_path, words, part):
    refuse(tmp_path, [topology.tfunnel(), "up", *words], USAGE, part)


@pytest.mark.parametrize(("words", "part"), named(BOTH_ENDS))
def test_both_ends(tmp_path, words, part):
    refuse(tmp_path, [topology.tfunnel_proxy(), *words], USAGE, part)
    refuse(tmp_path, [topology.tfunnel(), "-p", "12300", "--via", VIA, *words], USAGE, part)


@pytest.mark.parametrize(("words", "part"), named(FAR_END))
def test_far_end(tmp_path, words, part):
    """By itself, and as the far end of a `run` that would start it."""
    refuse(tmp_path, [topology.tfunnel_proxy(), *words], USAGE, part)
    refuse(tmp_path, [topology.tfunnel(), "run", *words, "--", "touch", STARTED], USAGE, part)


@pytest.mark.parametrize("words", [["--lingre", "3"], ["-p", "12300", "--fwmark", "x"], ["run", "--", "/nosuch/program"]],
                         ids=" ".join)
@pytest.mark.parametrize("form", [["--log-format", "json"], ["--log-format=json"]], ids="".join)
def test_last_line_is_json_where_the_log_is(tmp_path, words, form):
    """Who reads the stream as JSON gets the reason too. What a program behind -- is given is no option of ours."""
    at = 1 if words[0] == "run" else 0
    done = subprocess.run([topology.tfunnel(), *words[:at], *form, *words[at:]], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=netlab.patient(60))
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode != 0 and {"time", "level", "program", "message"} <= lines[-1].keys(), done.stderr
    assert lines[-1]["level"] == "error" and lines[-1]["program"] == "tfunnel", done.stderr
    text = subprocess.run([topology.tfunnel(), "--lingre", "--", *form], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=netlab.patient(10))
    assert text.stderr.startswith(b"tfunnel: unrecognised"), text.stderr


def test_last_line_of_a_run_without_a_link_is_the_reason(tmp_path):
    """That the network is set up is no news then."""
    done = subprocess.run([topology.tfunnel(), "run", "--via", "echo a reason >&2; exit 64", "--", "touch", STARTED],
                          cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True,
                          timeout=netlab.patient(60))
    assert done.returncode == 69, done.stderr
    assert done.stderr.splitlines()[-1].endswith("status 64: the link ended before the far end said anything, see above")
    assert "network:" not in done.stderr
    assert not os.path.exists(tmp_path / STARTED)


@pytest.mark.parametrize("command", ["run", "up", "down", "doctor", "proxy"])
def test_command_names_its_own_help(tmp_path, command):
    for words in (["--nosuch"], ["--log-format", "xml"]):
        refuse(tmp_path, [topology.tfunnel(), command, *words], USAGE, f"; see tfunnel {command} --help")


def test_hexadecimal_mark_is_taken_as_the_scripts_take_it(tmp_path):
    """The next complaint is about something else."""
    for mark in ("0x10", "0XfF", "16", "0xffffffff"):
        refuse(tmp_path, [topology.tfunnel(), "-p", "12300", "--fwmark", mark, "--links", "2"], USAGE, "--links")


@pytest.mark.parametrize("variables", [
    {"https_proxy": "ftp://h"}, {"https_proxy": "http://h:0"}, {"http_proxy": "http://h", "TFUNNEL_PROXY_USER": "u:secret"},
    {"http_proxy": "http://h", "TFUNNEL_PROXY_USER": "u"},
], ids=str)
def test_environment(tmp_path, variables):
    refuse(tmp_path, [topology.tfunnel_proxy(), "--proxy-from-env"], USAGE, "proxy", **variables)


# ---- Files

RIGHT = b"# a comment\n\nudp_timeout = 5\nverbose=true # behind a value\n"  # four lines

CONFIG = [
    (b"no-such-option=1\n", "'no-such-option'"), (b"udp_timout=5\n", "did you mean udp-timeout?"),
    (b"v=true\n", "'v'"), (b"-v=true\n", "'-v'"), (b"--linger=5\n", "did you mean linger?"), (b"=5\n", "''"),
    (b"just words\n", "'just'"), (b"linger\n", "'linger'"), (b"linger 5\n", "linger=..."), (b"linger: 5\n", "linger=..."),
    (b"http-proxy http://me:secret@host\n", "http-proxy=..."), (b"[client]\n", "no sections"), (b"linger=\n", "linger"), (b"linger= # 5\n", "linger"),
    *[(b"udp-timeout-stream=" + word.encode() + b"\n", "udp-timeout-stream") for word in SECONDS if word != "5 "],
    *[(b"buffer-size=" + word.encode() + b"\n", "buffer-size") for word in NUMBERS if word != " 2"],
    (b"log-level=loud\n", "'loud'"), (b"log-level=\"debug\"\n", "\"debug\""), (b"quiet=perhaps\n", "perhaps"), (b"quiet=\n", "quiet"),
    (b"linger=1\nlinger=2\n", "twice"), (b"verbose=false\n", "twice"), (b"config=other\n", "config"), (b"help=true\n", "help"), (b"version=true\n", "version"),
    (b"socks5 u:secret=@x\n", "'socks5'"), (b"socks5=u:secret\n", "USER[:PASSWORD]@HOST"),
    (b"allow=10.0.0.0/99\n", "10.0.0.0/99"), (b"deny=x\n", "'x'"), (b"http-proxy=ftp://h\n", "ftp://"), (b"socks5=h:0\n", "'0'"),
    (b"dns=host\n", "'host'"), (b"resolver-address=x\n", "'x'"), (b"far-loopback-address=127.0.0.1\n", "'127.0.0.1'"),
    (b"no-proxy=10.0.0.0/99\n", "'10.0.0.0/99'"), (b"proxy-names=x\n", "'x'"), (b"proxy-user=u:secret\n", "proxy-user"), (b"connect-timeout=0\n", "'0'"),
    (b"\x7fELF\x02\x01\x01\x00\x00\n", "no text"), (b"\x1b[31mred=1\n", "\\x1b[31mred"), (b"\xff\xfe\xfd\n", "\\xff"), (b"log-level=\x1b[2J\x07\n", "\\x1b[2J\\x07"),
    (b"x" * 100000 + b"\n", "xxx"), (b"x" * 100000 + b"=1\n", "xxx"), (b"linger=" + b"9" * 5000 + b"s\n", "999"), (b"\xef\xbb\xbflinger=1\n", "\\xef\\xbb\\xbflinger"),
]
OF_THE_CLIENT = [(b"prot=1\n", "did you mean port?"), (b"port 12300\n", "port=..."), (b"p=12300\n", "'p'"),
                 (b"port=0\n", "'0'"), (b"port=12300x\n", "'12300x'"), (b"port=65536\n", "'65536'"), (b"fwmark=0x\n", "'0x'"),
                 (b"links=65\n", "'65'"), (b"via=\n", "via"), (b"link-wait=nan\n", "'nan'")]


@pytest.mark.parametrize(("text", "part"), named([(str(text, "latin-1"), part) for text, part in CONFIG]))
def test_configuration_file(tmp_path, text, part):
    (tmp_path / "tfunnel.conf").write_bytes(RIGHT + text.encode("latin-1"))
    line = 4 + text.count("\n")
    for command in ([topology.tfunnel_proxy(), "--config", "tfunnel.conf"],
                    [topology.tfunnel(), "run", "--config", "tfunnel.conf", "--via", VIA, "--", "true"]):
        refuse(tmp_path, command, BAD_CONFIG, f": tfunnel.conf:{line}: ", part)


@pytest.mark.parametrize(("text", "part"), named([(str(text, "latin-1"), part) for text, part in OF_THE_CLIENT]))
def test_configuration_file_of_the_client(tmp_path, text, part):
    (tmp_path / "tfunnel.conf").write_bytes(b"\r\n" + text.encode("latin-1"))
    for command in (["--config=tfunnel.conf", "-p", "12300", "--via", VIA], ["proxy", "--config=tfunnel.conf"]):
        refuse(tmp_path, [topology.tfunnel(), *command], BAD_CONFIG, ": tfunnel.conf:2: ", part)


def test_value_that_the_command_line_replaces_is_looked_at(tmp_path):
    (tmp_path / "tfunnel.conf").write_text("linger=soon\n", encoding="ascii")
    refuse(tmp_path, [topology.tfunnel_proxy(), "--config", "tfunnel.conf", "--linger", "5"], BAD_CONFIG, "tfunnel.conf:1: ", "'soon'")


@pytest.mark.parametrize(("file", "why"), [
    ("/no/such", "/no/such: No such file"), ("/etc", "/etc: Is a directory"), ("/etc/passwd/x", "Not a directory"),
    ("/dev/zero", "/dev/zero: File too large"), ("/dev/full", "/dev/full: File too large"), ("x" * 300, "File name too long"),
    ("\x1b[31m\n", "\\x1b[31m\\x0a"),
], ids=ascii)
def test_configuration_file_that_cannot_be_read(tmp_path, file, why):
    for command in ([topology.tfunnel_proxy(), "--config", file], [topology.tfunnel(), "run", "--config", file, "--", "true"]):
        refuse(tmp_path, command, BAD_CONFIG, why)


@pytest.mark.parametrize(("options", "status"), [
    (["--config"], BAD_CONFIG), (["--http-proxy", "http://p", "--proxy-user", "u", "--proxy-password-file"], USAGE),
    (["--http-proxy", "https://p", "--proxy-ca"], USAGE), (["--socks5", "u@h", "--socks5-password-file"], USAGE),
], ids=lambda value: str(value[-1]) if isinstance(value, list) else str(value))
def test_file_that_may_not_be_read(tmp_path, options, status):
    (tmp_path / "locked").write_text("linger=1\n", encoding="ascii")
    os.chmod(tmp_path / "locked", 0)
    for command in ([topology.tfunnel_proxy()], [topology.tfunnel(), "run"]):
        end = ["--", "true"] if "run" in command else []
        refuse(tmp_path, [*command, *options, "locked", *end], status, "locked: Permission denied", prefix=LIKE_A_USER)
