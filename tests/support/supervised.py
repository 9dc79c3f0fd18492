"""Shared by the tests of supervised links (--via): losing them, and watching the fate of flows."""

import contextlib
import os
import re
import signal
import time

import netlab
import topology
import traffic_talk

FAR = (topology.FAR[4], topology.SERVER_PORT)
# The client would continue a command that is stopped, but the shell in front of it is not.
NOT_THE_COMMAND_ITSELF = "far tfunnel; exit $?"
LOST = r"link lost"
AGAIN = r"up again"
_TRYING = re.compile(r"trying again in ([0-9.]+) s")
_ESTABLISHED = 1


def kill(pids, number=signal.SIGKILL):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def answered(lab):
    """Does a new connection get an answer?"""
    with contextlib.suppress(OSError, EOFError), traffic_talk.open_echo(lab.client, *FAR) as flow:
        return traffic_talk.echoes(flow)
    return False


def wait_for_answer(lab, what, since):
    """Prints the time from `since` to the first answered new connection, as it depends on the machine."""
    netlab.wait_until(lambda: answered(lab), what=f"answer after {what}")
    print(f"{what}: {time.monotonic() - since:.2f} s to the first answered new connection")


def open_echoes(lab, count):
    flows = [traffic_talk.open_echo(lab.client, *FAR) for _ in range(count)]
    assert all(traffic_talk.echoes(flow) for flow in flows)
    return flows


def is_reset(flow, timeout=netlab.patient(5)):
    """Waits for the end of an idle flow; False if it is still open after `timeout`."""
    flow.settimeout(timeout)
    try:
        assert flow.recv(1) != b"", "a clean end, as if the server had said all"
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    raise AssertionError("data from nowhere")


def hurry(lab):
    """The network changes, so that who waits to try a lost link again does so at once."""
    for verb in ("add", "del"):
        lab.client.ip(f"addr {verb} 192.0.2.199/32 dev lo")


def flows_of(lab, pid):
    """How many connections a far end has open to servers."""
    connections = {inode for _, state, inode in lab.far.sockets("tcp") if state == _ESTABLISHED}
    held = set()
    with contextlib.suppress(FileNotFoundError):
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{entry}")
                if target.startswith("socket:["):
                    held.add(int(target[8:-1]))
    return len(held & connections)


def announced_wait(log):
    """The seconds that the last `trying again in N s` told; 0 before the first."""
    found = _TRYING.findall(log)
    return float(found[-1]) if found else 0.0


def wait_for_long_back_off(tunnel, seconds):
    """Until the client has just begun to wait for at least so long."""
    netlab.wait_until(lambda: announced_wait(tunnel.log()) >= seconds, 60, f"a wait of {seconds} s")
