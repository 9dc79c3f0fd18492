"""Fixtures of the e2e tests. The whole pytest run moves once into private namespaces, so it needs
no root, disturbs nothing, and leaves nothing behind however it ends.

Environment: TFUNNEL, TFUNNEL_PROXY, TRAFFIC (paths), E2E_SHORT_COUNT, TEST_USER_NS=1.
"""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))

# pylint: disable=wrong-import-position
import isolation
import links
import netlab
import runs as runs_module
import supervised
import system_rules
import topology
import ups

_LOG_TAIL = 6000
_CRASH = r"Sanitizer|runtime error:|terminate called|Segmentation fault|Assertion .* failed"


def pytest_cmdline_main(config):
    if isolation.is_isolated():
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture:
        capture.suspend_global_capture(in_=True)  # else the new process would inherit temp files
    try:
        isolation.isolate([sys.executable, "-m", "pytest", *config.invocation_params.args])
    except isolation.LabError as problem:
        raise pytest.UsageError(str(problem)) from problem


def pytest_configure(config):
    # Our parent may ignore them (nohup, a background job), and programs inherit that.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    lab = item.funcargs.get("lab")
    if not report.failed or not lab:
        return
    for name, text in lab.logs().items():
        report.sections.append((name, text[-_LOG_TAIL:]))


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    topology.make_ssh_keys(directory)
    return str(directory)


@pytest.fixture
def lab(tmp_path, request):
    """A module with CAPTURES = False wants no rules, one with SYSTEM_LAB = True the lab of system_rules."""
    if getattr(request.module, "SYSTEM_LAB", False):
        made = system_rules.make_lab(tmp_path / "lab")
    else:
        made = topology.make_lab(tmp_path / "lab", capture=getattr(request.module, "CAPTURES", True))
    yield made
    made.close()


@pytest.fixture
def runs(lab, request):
    """The surroundings that `tfunnel run` needs; a module's FAR_END_OPTIONS are for its far end."""
    made = runs_module.Runs(lab)
    made.start_far_end(*getattr(request.module, "FAR_END_OPTIONS", ()))
    yield made
    made.close()


@pytest.fixture
def commands(lab, keys):
    return links.Commands(lab, keys)


@pytest.fixture(name="up")
def _up(lab, commands):
    """`tfunnel up`; after the test `down` must bring back what was before."""
    made = ups.Up(lab, commands)
    yield made
    made.run("down")
    made.assert_nothing_left()


@pytest.fixture(name="control_group")
def _control_group():
    """The directory of a new one, which is removed after all that it may hold has ended."""
    made = ups.new_control_group()
    if made is None:
        pytest.skip("no control groups of version 2 here")
    yield made
    for directory in (*(entry.path for entry in os.scandir(made) if entry.is_dir()), made):
        netlab.wait_until(lambda path=directory: ups.removed(path), what="a control group that is empty")


@pytest.fixture
def server(lab):
    return lab.serve()


def _check_end(lab, tunnel):
    """Conditions that must hold after every test."""
    pipes = tunnel.client and tunnel.proxy
    both_run = pipes and tunnel.client.running() and tunnel.proxy.running()
    supervised = isinstance(tunnel, links.SupervisedTunnel)
    client_runs = supervised and tunnel.client.running()
    tunnel.stop()
    assert not netlab.re.search(_CRASH, tunnel.log())
    assert lab.escaped_packets() == 0, "traffic went past the tunnel"
    if both_run:
        assert tunnel.statuses() == (0, 0)
    if client_runs:
        assert tunnel.client.wait() == 0
    if supervised:
        tunnel.wait_nothing_left()


@pytest.fixture
def start_tunnel(lab, commands):
    """start_tunnel(link, ...) -> a Tunnel that captures; its clean end is checked afterwards."""
    started = []

    def start(link=links.link_pipe, ready=True, **options):
        tunnel = link(lab, commands, **options)
        started.append(tunnel)
        return tunnel.wait_ready() if ready else tunnel

    yield start
    for tunnel in started:
        _check_end(lab, tunnel)


@pytest.fixture
def tunnel(server, start_tunnel):
    """The usual case: a server in far, and a tunnel over two pipes."""
    del server
    return start_tunnel()


@pytest.fixture(name="via")
def _via(server, start_tunnel):
    """via(...) -> a tunnel whose far end the client has started, with a server behind it."""
    del server

    def start(via="far tfunnel", count=1, **options):
        tunnel = start_tunnel(links.link_via, via=via, count=count, **options)
        tunnel.wait_up(count)
        # A far end that runs may not have greeted: one that is killed by then was never up.
        if count > 1:
            netlab.wait_until(lambda: tunnel.log().count("link is up") >= count, 20, f"{count} links that are up")
        return tunnel

    return start


@pytest.fixture(name="used_via")
def _used_via(lab, via):
    """The same, and it has carried something."""

    def start(*command, **options):
        tunnel = via(*command, **options)
        assert supervised.answered(lab)
        return tunnel

    return start


@pytest.fixture(name="switch")
def _switch(lab):
    return links.Switch(lab.directory)


@pytest.fixture(name="broken")
def _broken(used_via, switch):
    """broken(...) -> a tunnel whose link was up and cannot come back until the switch is on."""

    def start(**options):
        tunnel = used_via(switch.shell + "exec far tfunnel", **options)
        switch.off()
        supervised.kill(tunnel.far_pids())
        tunnel.wait_for_log(supervised.LOST)
        return tunnel

    return start
