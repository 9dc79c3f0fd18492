"""The reason of an upstream proxy's refusal is said at the default level at the user's end, once; and a refused password rests."""

import os
import sys

import netlab
import pytest
import topology

CAPTURES = False
PORT = 3128
LOCAL = ("--http-proxy", f"http://alice:wrong@127.0.0.1:{PORT}")
FAR_END_OPTIONS = tuple(word.replace(":", r"\:") for word in LOCAL)  # socat's


def start_proxy(lab, host, status):
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support", "refusing_proxy.py")
    count_file = os.path.join(lab.directory, "logins")
    process = host.start([sys.executable, script, str(PORT), status, count_file], name="proxy")
    netlab.wait_listening(host, "tcp", PORT, process=process)
    return count_file


def fetch(count=1, parallel=False):
    command = f"for i in $(seq {count}); do curl -s -m 10 http://{topology.FAR[4]}/$i {'& done' if parallel else '; done'}; wait"
    return ["sh", "-c", command]


@pytest.mark.parametrize("status", ["403", "407", "503"])
def test_far_end_whose_stderr_is_elsewhere_says_it_over_the_link(lab, runs, status):
    start_proxy(lab, lab.far, status)
    done = runs.run(*fetch(20))
    said = [line for line in done.stderr.splitlines() if "HTTP proxy" in line and status in line]
    assert len(said) == 1, done.stderr
    assert "warning: the far end: HTTP proxy" in said[0]


@pytest.mark.parametrize("status", ["403", "407", "503"])
def test_far_end_on_this_machine_is_not_repeated(lab, runs, status):
    start_proxy(lab, lab.client, status)
    done = runs.run(*fetch(20), options=LOCAL, via=False)
    said = [line for line in done.stderr.splitlines() if "HTTP proxy" in line and status in line]
    assert len(said) == 1, done.stderr


def test_far_end_that_says_nothing_itself_still_says_it_over_the_link(lab, runs):
    start_proxy(lab, lab.client, "403")
    via = f"'{runs.tfunnel}' proxy --log-level error {' '.join(LOCAL)}"
    done = runs.run(*fetch(), options=("--via", via), via=False)
    assert "warning: the far end: HTTP proxy" in done.stderr


def test_proxy_that_cannot_be_reached_is_said_over_the_link(runs):
    done = runs.run(*fetch())
    assert f"warning: the far end: HTTP proxy http://127.0.0.1:{PORT} cannot be reached: Connection refused" in done.stderr


@pytest.mark.parametrize("parallel", [False, True])
def test_refused_password_is_sent_a_handful_of_times(lab, runs, parallel):
    count_file = start_proxy(lab, lab.far, "407")
    runs.run(*fetch(30, parallel))
    assert 1 <= os.path.getsize(count_file) <= 3
