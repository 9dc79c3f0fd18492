"""The command line that users of the old tool type, and its errors."""

import json
import os
import pty
import re
import subprocess

import netlab
import pytest
import topology

USAGE = 64
NO_PRIVILEGE = 77
BAD_CONFIG = 78


def run(*words, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        [topology.tfunnel(), *words], capture_output=True, text=True, timeout=netlab.patient(10), check=False,
        **options
    )


@pytest.mark.parametrize("words", [[], ["-p", "12300"]], ids=["proxy", "client"])
def test_terminal_gets_the_two_commands(words):
    near, far = pty.openpty()
    done = subprocess.run(
        [topology.tfunnel(), *words],
        stdin=far,
        stdout=far,
        stderr=subprocess.PIPE,
        text=True,
        timeout=netlab.patient(10),
        check=False,
    )
    os.close(near)
    os.close(far)
    assert done.returncode == USAGE
    assert "tfunnel -p" in done.stderr and "ssh" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["--no-such-option"], ["-p", "0"], ["-p", "70000"], ["-p", "x"], ["-p"], ["word"],
     ["--udp_timeout", "-1"], ["--log-format", "xml"]],
    ids=" ".join,
)
def test_usage_error(words):
    done = run(*words)
    assert done.returncode == USAGE, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("tfunnel") and len(done.stderr.splitlines()) < 5


def test_help_and_version_need_no_link():
    done = run("--help")
    assert done.returncode == 0
    for option in ("--port", "--udp", "--buffer", "--fwmark", "--keepalive", "--config"):
        assert option in done.stdout


@pytest.mark.parametrize("words", [[], ["run"], ["proxy"]], ids=["bare", "run", "proxy"])
def test_version_tells_what_a_report_needs(words):
    done = run(*words, "--version")
    assert done.returncode == 0 and done.stderr == ""
    built = re.fullmatch(r"tfunnel \d+\.\d+\.\d+ \(commit ([0-9a-f]{12}|unknown), protocol \d+\)\n"
                         r"with (OpenSSL \d\S+|no OpenSSL), Boost \d+\.\d+\.\d+, protobuf \d+\.\d+\.\d+\n", done.stdout)
    assert built, done.stdout


def test_missing_privilege():
    """A nested user namespace has no rights over this network."""
    nested = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    read_end, write_end = os.pipe()
    done = subprocess.run(
        [*nested, topology.tfunnel(), "-p", "12300"],
        stdin=read_end,
        capture_output=True,
        text=True,
        timeout=netlab.patient(10),
        check=False,
    )
    os.close(read_end)
    os.close(write_end)
    assert done.returncode == NO_PRIVILEGE, done.stderr
    assert "sudo setcap cap_net_admin" in done.stderr, done.stderr


@pytest.mark.parametrize("style", ["_", "-"], ids=["underscores", "dashes"])
def test_options_in_both_spellings(lab, server, start_tunnel, style):
    del server
    options = "--udp_timeout 5 --udp_timeout_stream 9 --buffer_size 10000000 -v".replace("_", style)
    start_tunnel(client_args=options, proxy_args=options)
    lab.traffic(lab.client, "flows", "--count", 10)
    lab.expect(lab.client, "reply", "--udp")


def test_config_file(lab, server, start_tunnel):
    del server
    path = os.path.join(lab.directory, "tfunnel.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"port = {topology.PORT}\nudp_timeout = 5\nlog-format = json\n")
    start_tunnel(client_command=f"tfunnel --config {path}")
    lab.traffic(lab.client, "flows", "--count", 10)
    lab.expect(lab.client, "reply", "--udp")


@pytest.mark.parametrize("text", ["no_such_option = 1\n", "udp_timeout = soon\n", None])
def test_bad_config_file(tmp_path, text):
    path = tmp_path / "tfunnel.conf"
    if text is not None:
        path.write_text(text, encoding="ascii")
    done = run("--config", str(path))
    assert done.returncode == BAD_CONFIG, done.stderr
    assert "tfunnel.conf" in done.stderr


def test_json_log_is_json(lab, server, start_tunnel):
    del server
    tunnel = start_tunnel(client_args="--log-format json -v", proxy_args="--log-format json -v")
    lab.expect(lab.client, "reset,refused", port=topology.CLOSED_PORT)
    tunnel.wait_for_log("(?i)refused")
    tunnel.stop()
    for line in tunnel.log().splitlines():
        assert isinstance(json.loads(line), dict), line
