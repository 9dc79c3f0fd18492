"""Browsers in `tfunnel run`: they know that they are online, and two of them find each other."""

import contextlib
import os
import re
import shutil
import signal
import sys

import isolation
import netlab
import pytest
import topology
import upstreams

CAPTURES = False

SUPPORT = os.path.join(topology.REPOSITORY, "tests", "support")
HTTP_PORT, STUN_PORT = 8080, 3478
# What it takes to start one on a slow machine that has other things to do.
PATIENCE = 20

CHROMIUM = [
    "chromium", "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--password-store=basic",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
]  # fmt: skip
PREFERENCES = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.update.enabled", false);
"""


def chromium(runs, profile, url, *options):
    # Its own sandbox has no place where there are no other users.
    sandbox = [] if runs.user else ["--no-sandbox"]
    return [*CHROMIUM, *sandbox, *options, f"--user-data-dir={profile}", url]


def firefox(runs, profile, url):
    del runs
    return ["firefox-esr", "--headless", "--no-remote", "--profile", profile, url]



def new_profile(runs, name):
    profile = os.path.join(runs.work, name)
    os.makedirs(profile)
    with open(os.path.join(profile, "user.js"), "w", encoding="ascii") as file:
        file.write(PREFERENCES)
    if runs.user:
        shutil.chown(profile, isolation.USER_ID, isolation.USER_ID)
    return profile


class Meeting:
    """The server of the meeting on the far host, and the browsers in runs of their own."""

    def __init__(self, lab, runs):
        self.runs = runs
        self.browsers = []
        words = ["meeting_server.py", "meeting.html", str(HTTP_PORT), str(STUN_PORT)]
        self.server = lab.far.start([sys.executable, *words], name="meeting", cwd=SUPPORT)
        self.server.wait_for_log("ready")

    def start(self, browser, name, other="", family=4):
        host = topology.FAR[family] if family == 4 else f"[{topology.FAR[family]}]"
        url = f"http://{host}:{HTTP_PORT}/#{name},{other},{host}:{STUN_PORT}"
        self.browsers.append(self.runs.start(*browser(self.runs, new_profile(self.runs, name), url)))

    def wait_for(self, line):
        def said():
            assert all(one.running() for one in self.browsers), [one.log() for one in self.browsers]
            return line in self.server.log()

        try:
            netlab.wait_until(said, PATIENCE, f"{line!r}")
        except netlab.LabError:
            pytest.fail(f"no {line!r} in:\n" + self.server.log())

    def said(self, name):
        return [line.split(" said ")[1] for line in self.server.log().splitlines() if line.startswith(name + " said ")]

    def close(self):
        for one in self.browsers:
            if one.running():
                one.signal(signal.SIGTERM)
        for one in self.browsers:
            one.wait(netlab.patient(20))


@pytest.fixture(name="meeting")
def _meeting(lab, runs):
    made = Meeting(lab, runs)
    yield made
    made.close()


def skip_without(program):
    if not shutil.which(program):
        pytest.skip(f"no {program}")


def test_chromium_knows_that_it_is_online(meeting):
    skip_without("chromium")
    meeting.start(chromium, "one")
    meeting.wait_for("one said onLine true")


@pytest.mark.parametrize(
    "program, browser, family", [("chromium", chromium, 4), ("chromium", chromium, 6), ("firefox-esr", firefox, 4)]
)
def test_two_browsers_talk_to_each_other_through_their_tunnels(meeting, program, browser, family):
    """By WebRTC: each behind a tunnel of its own, as two users behind two routers would be."""
    skip_without(program)
    meeting.start(browser, "one", "two", family)
    meeting.start(browser, "two", "one", family)
    meeting.wait_for("one said heard answer")
    # It was heard before the answer, but may be told later.
    meeting.wait_for("two said heard question")


def test_quic_server_behind_a_proxy_without_udp_is_refused_at_once(lab, runs):
    """Chromium is told so (ECONNREFUSED), and need not wait for its own time limits before it takes TCP."""
    skip_without("chromium")
    upstreams.tinyproxy(lab, listen=topology.FAR_MGMT[4])
    profile = new_profile(runs, "quic")
    log = os.path.join(profile, "net_log.json")
    server = f"{topology.FAR[4]}:8443"
    words = chromium(runs, profile, f"https://{server}/", f"--origin-to-force-quic-on={server}", f"--log-net-log={log}")
    options = ["--http-proxy", f"http://{topology.FAR_MGMT[4]}:{upstreams.TINYPROXY_PORT}"]
    run = runs.start(*words, via=False, options=options)

    def ends():
        """Why QUIC connections have ended, as far as it stands in the log."""
        with contextlib.suppress(FileNotFoundError), open(log, encoding="utf-8", errors="replace") as file:
            return re.findall(r'"details":"([^"]*)","from_peer"', file.read())
        return []

    netlab.wait_until(ends, PATIENCE, "the end of a QUIC connection")
    # By its name if Chromium hears of it while it reads, by its number (net_error_list.h) if it writes.
    assert re.search(r"ERR_CONNECTION_REFUSED|error: -102\b", ends()[0]), ends()
    run.terminate(netlab.patient(20))
