"""A far end that is no tfunnel gets one clear line with its first bytes, and status 76."""

import pytest
import topology

PROTOCOL_ERROR = 76
LINK_ENDED = 69


@pytest.fixture(name="client_against")
def _client_against(start_tunnel):
    """client_against(command) -> (status, log) of a client whose far end is that command."""

    def run(far_command):
        tunnel = start_tunnel(proxy_command=far_command, ready=False)
        status, log = tunnel.client.wait(15), tunnel.client.log()
        assert len(log.splitlines()) == 1, f"not one clear line: {log}"
        return status, log

    return run


def test_a_mirror(client_against):
    """`cat` sends our own greeting back."""
    status, log = client_against("cat")
    assert status == PROTOCOL_ERROR, log


def test_a_program_that_says_hello(client_against):
    status, log = client_against("echo hello")
    assert status == PROTOCOL_ERROR, log
    assert "hello" in log


def test_a_shell_error(client_against):
    """The usual case: tfunnel is not installed there, and only an error line comes."""
    status, log = client_against("sh -c 'echo sh: tfunnel: not found'")
    assert status == PROTOCOL_ERROR, log
    assert "not found" in log


def test_endless_noise(client_against):
    status, log = client_against("yes")
    assert status == PROTOCOL_ERROR, log
    assert len(log) < 1000


def test_random_bytes(client_against):
    status, log = client_against("head -c 1000000 /dev/urandom")
    assert status == PROTOCOL_ERROR, log


def test_two_clients(start_tunnel):
    """Both ends were started with -p."""
    command = f"nsenter --net=/run/netns/client {topology.tfunnel()} -p 12301"
    tunnel = start_tunnel(proxy_command=command, ready=False)
    assert tunnel.client.wait() == PROTOCOL_ERROR, tunnel.client.log()
    assert tunnel.proxy.wait() in (PROTOCOL_ERROR, LINK_ENDED), tunnel.proxy.log()
