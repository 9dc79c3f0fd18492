"""A closed direction must not close the other, and no byte before the close may be lost."""

import netlab
import pytest
import topology

KINDS = ["read_first", "write_first", "duplex", "up_close", "down_close"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", [4, 6])
def test_every_order_of_ending(lab, tunnel, kind, family):
    del tunnel
    words = ["--count", 60, "--parallel", 20, "--kinds", kind, "--max-size", 300000]
    lab.traffic(lab.client, "flows", *words, to=topology.FAR[family])


@pytest.mark.parametrize("kind", ["up_close", "down_close"])
def test_last_bytes_of_a_large_flow_survive_the_close(lab, tunnel, kind):
    del tunnel
    words = ["--count", 5, "--parallel", 5, "--kinds", kind, "--max-size", 20000000]
    lab.traffic(lab.client, "flows", *words)


def test_empty_flow_ends(lab, tunnel):
    del tunnel
    lab.traffic(lab.client, "flows", "--count", 50, "--parallel", 10, "--max-size", 0)


def test_close_at_once_is_an_eof(lab, tunnel):
    del tunnel
    result = lab.expect(lab.client, "eof", "--behaviour", "close_at_once")
    assert result["ms"] < netlab.AT_ONCE_MS
