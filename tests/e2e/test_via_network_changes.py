"""--via: a network that changes is a reason to look at the link, and to try a lost one again."""

import signal
import time

import netlab
import pytest
import supervised
import traffic_talk

NETWORK_CHANGES = {
    "link": ["link set lan0 down", "link set lan0 up"],
    "address": ["addr add 192.0.2.200/32 dev lo"],
    "route": ["route add 198.18.77.0/24 dev lan0"],
    "address6": ["addr add 2001:db8:77::1/128 dev lo nodad"],
}


@pytest.mark.parametrize("change", NETWORK_CHANGES)
def test_network_change_triggers_an_early_retry(lab, broken, switch, change):
    tunnel = broken()
    supervised.wait_for_long_back_off(tunnel, 4)
    wait = supervised.announced_wait(tunnel.log())
    since = time.monotonic()
    lab.client.ip(*NETWORK_CHANGES[change])
    netlab.wait_until(lambda: supervised.announced_wait(tunnel.log()) < 1, 60, "a try, and a back-off that begins anew")
    taken = time.monotonic() - since
    print(f"tried {taken:.2f} s after the change; it was to wait for {wait} s")
    assert taken < wait
    switch.on()
    tunnel.wait_for_log(supervised.AGAIN, 60)
    assert supervised.answered(lab)


def test_network_change_unmasks_a_dead_link(lab, used_via):
    """Keep-alive alone would need a minute."""
    tunnel = used_via(supervised.NOT_THE_COMMAND_ITSELF)
    flow = traffic_talk.open_echo(lab.client, *supervised.FAR)
    assert traffic_talk.echoes(flow)
    supervised.kill(tunnel.far_pids(), signal.SIGSTOP)
    since = time.monotonic()
    lab.client.ip(*NETWORK_CHANGES["link"])
    assert supervised.is_reset(flow)
    print(f"given up {time.monotonic() - since:.1f} s after the change")
    supervised.wait_for_answer(lab, "a dead link and a network change", since)


def test_network_changes_do_no_harm_to_a_good_link(lab, used_via):
    tunnel = used_via()
    with traffic_talk.open_echo(lab.client, *supervised.FAR) as flow:
        for number in range(1, 50):
            lab.client.ip(f"addr add 192.0.2.{200 + number}/32 dev lo")
            assert traffic_talk.echoes(flow)
        time.sleep(6)  # longer than an unanswered ping may take
        assert traffic_talk.echoes(flow)
    assert supervised.LOST not in tunnel.log()
