"""Signals end cleanly, are ignored, or tell something; they never break flows by accident."""

import json
import re
import signal
import socket

import netlab
import pytest
import topology
import traffic_talk


def some_flow(lab):
    return traffic_talk.open_echo(lab.client, topology.FAR[4], topology.SERVER_PORT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("end", ["client", "proxy"])
def test_termination_ends_both_with_0(lab, tunnel, end, number):
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        getattr(tunnel, end).signal(number)
        assert tunnel.statuses() == (0, 0)


@pytest.mark.parametrize("end", ["client", "proxy"])
def test_asking_again_and_again_kills_nobody(lab, tunnel, end):
    """It may cut short what the end waits for, which has a status of its own."""
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        process = getattr(tunnel, end)
        while process.running():
            process.signal(signal.SIGTERM)
        assert -signal.SIGTERM not in tunnel.statuses()


def test_what_was_written_before_sigterm_arrives(lab, start_tunnel):
    tunnel = start_tunnel()
    address = (topology.FAR[4], 7500)
    with lab.far.socket(socket.AF_INET, socket.SOCK_STREAM, bind=address) as listener:
        listener.listen()
        application = lab.client.connect(*address)
        accepted, _ = listener.accept()
        accepted.settimeout(netlab.patient(10))
        application.sendall(b"x" * 10000)
        tunnel.client.signal(signal.SIGTERM)
        assert traffic_talk.receive_exactly(accepted, 10000) == b"x" * 10000
        assert tunnel.statuses() == (0, 0)
        application.close()
        accepted.close()


def test_hangup_does_not_end_the_proxy(lab, tunnel):
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        tunnel.proxy.signal(signal.SIGHUP)
        assert traffic_talk.echoes(flow)
        assert tunnel.proxy.running()


@pytest.mark.parametrize("end", ["client", "proxy"])
def test_usr1_prints_the_flows(lab, tunnel, end):
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        process = getattr(tunnel, end)
        process.signal(signal.SIGUSR1)
        process.wait_for_log(topology.FAR[4].replace(".", r"\."))
        assert traffic_talk.echoes(flow)


def objects_of(process):
    """Its log, each line of which must be JSON."""
    return [json.loads(line) for line in process.log().splitlines()]


def test_json_log_is_json_to_the_last_line_and_names_flows_by_members(lab, server, start_tunnel):
    del server
    denied = f"--deny {topology.FAR_OTHER[4]}/32"
    tunnel = start_tunnel(client_args="-v --log-format json", proxy_args=f"-v --log-format json {denied}")
    with some_flow(lab) as flow:
        assert traffic_talk.echoes(flow)
        assert lab.expect(lab.client, "reset,refused,unreachable", to=topology.FAR_OTHER[4])
        for process in (tunnel.client, tunnel.proxy):
            process.signal(signal.SIGUSR1)
            process.wait_for_log('"flow table".*\n')
            objects = objects_of(process)
            table = next(line for line in objects if line["message"] == "flow table")
            (row,) = [row for row in table["flows"] if "destination" in row]
            assert (row["transport"], row["destination"]) == ("tcp", f"{topology.FAR[4]}:{topology.SERVER_PORT}")
            assert row["sent"] > 0 and row["received"] > 0 and table["up"] and table["pacing"]["bound"] > 0
            opened = [line for line in objects if line["message"] == "open"]
            assert row["flow"] in [line["flow"] for line in opened]
            assert not [line for line in objects if re.search(r"\d\.\d+:\d", line["message"])]
        refused = [line for line in objects_of(tunnel.proxy) if line["message"] == "refused"]
        assert [line["destination"].split(":")[0] for line in refused] == [topology.FAR_OTHER[4]]
    tunnel.client.signal(signal.SIGTERM)
    assert tunnel.statuses() == (0, 0)
    assert objects_of(tunnel.client) and objects_of(tunnel.proxy)
