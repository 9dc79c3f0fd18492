"""`tfunnel doctor` names what is wrong, and the line that it prints mends it; where nothing is wrong it says so.

Each test makes one fault, has doctor name it, runs the very line, and has doctor look again.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import doctors
import isolation
import links
import netlab
import pytest
import system_rules
import topology
import upstreams
from system_rules import OUTSIDE, leaked
from test_names_and_dns_through_proxies import NAME, start_nameserver
from ups import connects

SYSTEM_LAB = True
NAMESERVER = topology.FAR_OTHER[4]
FAR_END = f"far tfunnel --dns {NAMESERVER}"
PROXY_PORT = 3129
UP_PORT = 12399


@pytest.fixture(name="resolv_conf", autouse=True)
def _resolv_conf(lab):
    """A nameserver that the far end reaches."""
    with isolation.replaced("/etc/resolv.conf", f"nameserver {NAMESERVER}\n"):
        yield start_nameserver(lab.far, NAMESERVER, topology.FAR)


@pytest.fixture(name="doctor")
def _doctor(lab, up):
    made = doctors.Doctor(lab, up, FAR_END)
    yield made
    # What the fault and its line have changed of the machine stays; of ours nothing may.
    up.run("down")
    up.before = system_rules.state(lab.client)
    assert "protocol 116" not in str(up.before) and "proto 116" not in str(up.before)
    assert "tfunnel_up" not in str(up.before)


@pytest.fixture(name="running")
def _running(up):
    return up.start(via=FAR_END)


def stop(process):
    """Nobody restores anything from now on."""
    process.signal(signal.SIGSTOP)
    netlab.wait_until(lambda: netlab.process_status(process.pid)["State"].startswith("T"), what="its stop")


@contextlib.contextmanager
def stopped(process):
    stop(process)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


# --- nothing is wrong ------------------------------------------------------------------------------------


def test_where_nothing_runs_nothing_is_wrong(lab, up, doctor):
    before = system_rules.state(lab.client)
    doctor.assert_healthy()
    assert system_rules.state(lab.client) == before
    text = up.run("doctor", "--quiet")
    assert text.stdout == "" and text.stderr == ""
    assert leaked(lab) == 0, "nobody was named to be asked"


def test_where_it_runs_nothing_is_wrong_and_the_whole_loop_is_asked(lab, up, doctor, running):
    doctor.assert_healthy()
    doctor.words = ("--name", NAME, "--server", NAMESERVER)
    doctor.assert_healthy()
    text = up.run("doctor").stdout
    for kind in ("dns: UDP", "tcp: TCP", "udp: UDP", "link: round trip"):
        assert re.search(rf"^right +{kind}", text, re.M), text
    assert "[2001:2::53]:53: answered" in text, "IPv6 as well"
    assert leaked(lab) == 0
    assert running.running()


def test_with_a_far_end_on_this_machine_nothing_is_wrong(lab, up, doctor):
    upstreams.Squid(lab, f"http_port {OUTSIDE[4]}:{PROXY_PORT}")
    up.start("--http-proxy", f"http://{OUTSIDE[4]}:{PROXY_PORT}", via=None)
    doctor.words = ("--name", NAME)
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_filters_of_others_that_let_the_tunnel_work_are_no_fault(lab, doctor):
    lab.client.nft(
        """table inet filter {
          chain input { type filter hook input priority 0; policy drop;
            ct state established,related accept
            iif lo accept
            tcp dport 22 accept
          }
          chain output { type filter hook output priority 0; policy accept; ip daddr 192.0.2.200 drop; udp dport 9 reject
          }
          chain forward { type filter hook forward priority 0; policy drop; }
        }"""
    )
    doctor.assert_healthy()
    lab.client.run(["nft", "delete", "table", "inet", "filter"])


# --- rules and routes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family, number", [("-4", 0), ("-4", 1), ("-6", 0), ("-6", 1)])
def test_a_routing_rule_that_is_gone(lab, doctor, running, family, number):
    with stopped(running):
        ours = [rule for rule in lab.client.json(["ip", "-j", family, "rule"]) if rule.get("protocol") == "116"]
        lab.client.run(["ip", family, "rule", "del", "priority", str(ours[number]["priority"])])
        doctor.mended(f"a routing rule of ours is gone: IPv{family[1]}")


@pytest.mark.parametrize("family", ["-4", "-6"])
@pytest.mark.parametrize("card", ["lo", "wan0"])
def test_a_route_that_is_gone(lab, doctor, running, family, card):
    with stopped(running):
        lab.client.run(["ip", family, "route", "flush", "table", "all", "proto", "116", "dev", card])
        doctor.mended(f"a route of ours is gone: IPv{family[1]}")


def test_rules_that_are_gone_because_nobody_restores_them(lab, doctor, running):
    stop(running)
    lab.client.run(["nft", "delete", "table", "inet", "tfunnel_up"])
    doctor.mended("table inet tfunnel_up is gone")
    doctor.assert_healthy()


def test_rules_that_are_not_whole(lab, doctor, running):
    stop(running)
    listed = lab.client.run(["nft", "-a", "list", "chain", "inet", "tfunnel_up", "postrouting"]).stdout
    (handle,) = re.findall(r"meta mark & 0x00000080 == 0x00000080 counter name \"stray\" drop # handle (\d+)", listed)
    lab.client.run(["nft", "delete", "rule", "inet", "tfunnel_up", "postrouting", "handle", handle])
    lab.client.run(["nft", "flush", "chain", "inet", "tfunnel_up", "take"])
    doctor.mended("not whole: chain postrouting lets through what it should drop, chain take is empty")
    doctor.assert_healthy()


def test_one_that_is_stopped(doctor, running):
    stop(running)
    doctor.mended("is stopped")
    doctor.assert_healthy()


# For each the hook and priority, what stands in that chain, and what doctor says of it.
OBSTACLES = {
    "a rule for the loopback device": ("input priority 0", "iif lo drop", "chain inet bad o (hook input, priority 0) drops"),
    "a policy for some": ("output priority 10", "policy drop; tcp dport 22 accept; udp dport 53 accept; oif lo accept", None),
    "a policy for all": ("output priority 10", "policy drop; oif lo accept", "the policy of chain inet bad o (hook output, priority 10) drops"),
    "before ours": ("output priority -300", "meta l4proto tcp goto more", "chain inet bad more (hook output, priority -300) drops"),
    "behind ours": ("prerouting priority -100", "meta mark and 0x80 == 0x80 drop", "chain inet bad o (hook prerouting, priority -100) drops"),
    "another mark": ("output priority 0", "meta mark set 0x5", "chain inet bad o (hook output, priority 0) takes our mark"),
}  # fmt: skip


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_rules_of_others_that_are_in_the_way(lab, doctor, obstacle):
    hook, rules, text = OBSTACLES[obstacle]
    lab.client.nft(
        f"table inet bad {{\n chain more {{\n reject\n}}\n chain o {{\n type filter hook {hook}; {rules}\n}}\n}}\n"
    )
    if text:
        doctor.mended(text)
        doctor.assert_healthy()
    else:
        doctor.timeout = 0.1
        assert not doctor.find("chain inet bad o"), "some may get through"
    lab.client.run(["nft", "delete", "table", "inet", "bad"])


def test_a_filter_that_lets_in_only_what_is_for_services_of_this_machine(lab, up, doctor):
    """What is captured of other hosts is delivered to this machine."""
    up.start("--forward", via=FAR_END)
    lab.client.nft(
        """table inet filter {
          chain input { type filter hook input priority 0; policy drop; ct state established accept; iif lo accept; tcp dport 22 accept
          }
        }"""
    )
    doctor.mended("the policy of chain inet filter input (hook input, priority 0) drops")
    doctor.assert_healthy()
    assert connects(lab, topology.FAR[4], lab.lan) == topology.FAR[4]
    lab.client.run(["nft", "delete", "table", "inet", "filter"])


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_routing_rule_of_others_that_is_asked_before(lab, doctor, family):
    lab.client.run(["ip", family, "rule", "add", "priority", "5", "lookup", "main"])
    doctor.mended("somebody else's rule 5 comes before ours")
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_a_loopback_device_that_is_down(lab, doctor):
    lab.client.ip("link set lo down")
    doctor.mended("the loopback device is down")
    doctor.assert_healthy()


def test_marks_that_another_vpn_has(lab, doctor, running):
    lab.client.ip("rule add fwmark 0xca6c lookup 51820 priority 9000")
    doctor.mended("rule 9000 is about mark 0xca6c")
    assert running.wait() == 0
    doctor.assert_healthy()
    lab.client.ip("rule del priority 9000")


@pytest.mark.usefixtures("running")
def test_a_family_without_a_default_route(lab, doctor):
    lab.client.ip("-6 route del default")
    doctor.mended("IPv6 has no default route", "warning")
    doctor.assert_healthy()
    assert leaked(lab) == 0


# --- what one has left ------------------------------------------------------------------------------------


def test_a_way_that_a_killed_one_has_left_closed(doctor, running):
    running.signal(signal.SIGKILL)
    doctor.mended("the rules of one that was killed, or persists, stand")
    doctor.assert_healthy()


def test_routing_that_a_killed_one_has_left(up, doctor):
    up.start("--kill-switch", "off", via=FAR_END).signal(signal.SIGKILL)
    doctor.mended("the routing of one that was killed is left")
    doctor.assert_healthy()


# --- the link ------------------------------------------------------------------------------------------------


def far_pids(lab):
    return lab.far.find(topology.tfunnel_proxy())


def kill_far_end(lab):
    for pid in far_pids(lab):
        os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: not far_pids(lab), what="the end of the far end")


def test_a_link_that_is_down(lab, up, doctor):
    switch = links.Switch(lab.directory)
    up.start(via=f"{switch.shell} exec {FAR_END}")
    doctor.assert_healthy()
    switch.off()
    kill_far_end(lab)
    # Between two tries.
    doctor.timeout = 0.1
    fault = netlab.wait_until(lambda: doctor.find("the command that starts the far end does not run"), what="that fault")
    doctor.mend(fault)
    doctor.assert_healthy()


def test_a_link_that_is_not_there_yet(lab, up, doctor):
    running = lab.client.start(
        [up.program, "up", "--via", "exit 255", "--keep-trying", "--quiet"], name="up", env=up.environment
    )
    netlab.wait_until(lambda: doctor.find("has had no link yet"), what="that fault")
    doctor.mended("has had no link yet")
    assert running.wait() == 0
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_a_far_end_that_is_stopped(lab, doctor):
    def is_named():
        # After a change of the network the link may be given up, and begun anew.
        for pid in far_pids(lab):
            os.kill(pid, signal.SIGSTOP)
        return doctor.find("a part of the link")

    netlab.wait_until(is_named, what="its stop")
    doctor.mended("a part of the link, is stopped")
    doctor.assert_healthy()


def test_a_far_end_that_hangs_elsewhere(lab, up, commands, doctor):
    """Nobody here sees that; the link's command is started anew."""
    commands.start_sshd(address=OUTSIDE[4])
    up.start(via=f"ssh -o ControlPath=none -o HostName={OUTSIDE[4]} host tfunnel --dns {NAMESERVER}")
    doctor.timeout = 0.5

    def hangs_and_is_mended():
        for pid in far_pids(lab):
            os.kill(pid, signal.SIGSTOP)
        fault = doctor.find("nothing comes back over it")
        if not fault:
            return False
        assert fault["mend"].startswith("kill ")
        # After a change of the network the link may have been given up already.
        return lab.client.run(["sh", "-c", fault["mend"]], check=False).returncode == 0

    netlab.wait_until(hangs_and_is_mended, what="a link to end")
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_a_nameserver_of_the_far_end_that_is_dead(lab, doctor, resolv_conf):
    start_nameserver(lab.far, topology.FAR[4], topology.FAR)
    resolv_conf.kill()
    doctor.words = ("--name", NAME)
    doctor.far_end = "far tfunnel"
    doctor.mended("the resolver fails to answer", ADDRESS=topology.FAR[4])
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_a_name_that_the_far_end_does_not_know(lab, doctor):
    start_nameserver(lab.far, topology.FAR[4], topology.FAR)
    lab.far.run(["nft", "add", "table", "inet", "nothing"])
    doctor.words = ("--name", "nowhere.example")
    fault = doctor.named("nowhere.example")
    assert "--dns ADDRESS" in fault["mend"]


def test_datagrams_that_an_upstream_does_not_carry(lab, up, doctor):
    upstreams.Squid(lab, f"http_port {OUTSIDE[4]}:{PROXY_PORT}")
    start_nameserver(lab.far, f"{topology.FAR[4]}", topology.FAR)
    up.start("--http-proxy", f"http://{OUTSIDE[4]}:{PROXY_PORT}", via=None)
    relay = ["socat", f"TCP-LISTEN:5353,bind={topology.FAR[4]},fork,reuseaddr", f"TCP:{topology.FAR[4]}:53"]
    lab.far.start(relay, name="socat")
    lab.far.start(
        ["socat", f"UDP-LISTEN:5353,bind={topology.FAR[4]},fork,reuseaddr", f"UDP:{topology.FAR[4]}:53"], name="socat"
    )
    for kind in ("tcp", "udp"):
        netlab.wait_listening(lab.far, kind, 5353)
    doctor.words = ("--name", NAME, "--server", f"{topology.FAR[4]}:5353")
    doctor.mended("UDP to 203.0.113.10:5353: Connection refused", "warning")
    doctor.assert_healthy()


# --- settings ------------------------------------------------------------------------------------------------


def test_sources_that_are_looked_for_with_marks(lab, up, doctor):
    up.start("--forward", via=FAR_END)
    lab.client.sysctl("net.ipv4.conf.all.src_valid_mark", 1)
    doctor.mended("net.ipv4.conf.all.src_valid_mark is 1")
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_settings_that_matter_to_forwarding_only(lab, doctor):
    for kind in ("all", "wan0"):
        lab.client.sysctl(f"net.ipv4.conf.{kind}.src_valid_mark", 1)
        lab.client.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 1)
    doctor.assert_healthy()


def test_bridges_whose_packets_are_captured(lab, up, doctor):
    try:
        lab.client.sysctl("net.bridge.bridge-nf-call-iptables", 1)
    except OSError:
        pytest.skip("no br_netfilter here")
    lab.client.sysctl("net.bridge.bridge-nf-call-ip6tables", 0)
    up.start("--forward", via=FAR_END)
    doctor.assert_healthy()
    lab.client.ip("link add bridge0 type bridge")
    doctor.mended("net.bridge.bridge-nf-call-iptables is 1", "warning")
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_a_loopback_device_without_ipv6(lab, doctor):
    lab.client.sysctl("net.ipv6.conf.lo.disable_ipv6", 1)
    doctor.mended("the loopback device has no IPv6")
    doctor.assert_healthy()


def test_a_nameserver_that_needs_ipv6_which_is_off(lab, doctor):
    lab.client.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    doctor.assert_healthy()
    doctor.words = ("--server", "2001:db8:f::11")
    doctor.timeout = 0.1
    doctor.mended("it is off, and --server has an IPv6 address")


def test_a_nameserver_on_this_machine_that_does_not_run(lab, up, doctor):
    up.start(via=FAR_END)
    with open("/etc/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\n")
    doctor.words = ("--name", NAME)
    doctor.mended("nobody answers at 127.0.0.1:53")
    doctor.assert_healthy()
    assert leaked(lab) == 0


def systemctl(lab, script):
    """Stands in for systemd, which no network namespace has."""
    links.write_script(os.path.join(lab.directory, "client-bin", "systemctl"), script)


def start_stub(lab):
    """A nameserver on this machine, where systemd-resolved has its own."""
    stub = lab.client.start(
        ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts", "--user=", "--group=",
         "--bind-interfaces", "--listen-address=127.0.0.53", f"--server={NAMESERVER}"],
        name="stub",
    )  # fmt: skip
    netlab.wait_listening(lab.client, "udp", 53, process=stub)
    return stub


def test_systemd_resolved_that_is_dead(lab, up, doctor):
    up.start(via=FAR_END)
    with open("/etc/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.53\n")
    asked = os.path.join(lab.directory, "asked")
    systemctl(lab, f'echo "$*" >{asked}')
    fault = doctor.named("nobody answers at 127.0.0.53:53")
    doctor.mend(fault)
    with open(asked, encoding="ascii") as file:
        assert file.read() == "restart systemd-resolved\n"
    start_stub(lab)
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_dns_over_tls_that_is_insisted_on(lab, doctor):
    os.makedirs("/etc/systemd/resolved.conf.d", exist_ok=True)
    start_stub(lab)
    systemctl(lab, "exit 0")
    with (
        isolation.replaced("/etc/systemd/resolved.conf.d/10-tls.conf", "[Resolve]\nDNS=192.0.2.1\nDNSOverTLS=yes\n"),
        open("/etc/resolv.conf", "w", encoding="ascii") as file,
    ):
        file.write("nameserver 127.0.0.53\n")
        file.flush()
        doctor.mended("systemd-resolved insists on DNS over TLS")
        doctor.assert_healthy()
        os.remove("/run/systemd/resolved.conf.d/zz-tfunnel.conf")


# --- programs --------------------------------------------------------------------------------------------------


def test_a_port_that_somebody_else_has(lab, doctor):
    with lab.client.socket(socket.AF_INET, socket.SOCK_STREAM, ("0.0.0.0", UP_PORT)) as squatter:
        squatter.listen()
        doctor.mended(f"somebody else listens on port {UP_PORT}")
        doctor.assert_healthy()


def test_rules_whose_listener_is_not_there(lab, doctor):
    lab.capture()
    doctor.mended(f"table inet tfunnel_test sends to port {topology.PORT}, where nobody listens")
    doctor.assert_healthy()


def may_raise_limits(lab):
    return lab.client.run(["sh", "-c", "ulimit -n 500; ulimit -n 600"], check=False).returncode == 0


def test_few_descriptors(lab, up, doctor):
    doctor.before = ["prlimit", "--nofile=500:500"]
    fault = doctor.named("a tfunnel that is started here may open 500 files only")
    if not may_raise_limits(lab):
        pytest.skip("limits cannot be raised here")
    # The line is for the shell that starts the next program.
    done = lab.client.run(["sh", "-c", f"ulimit -n 500; {fault['mend']}; exec {up.program} doctor --quiet --strict"])
    assert done.stdout == ""
    up.start(via=FAR_END, before=doctor.before)
    doctor.before = ()
    doctor.mended("the up that runs here may open 500 files only")
    doctor.assert_healthy()


def own_copy(name):
    folder = os.path.join(isolation.STATE, name)
    os.makedirs(folder, exist_ok=True)
    return shutil.copy(topology.tfunnel(), os.path.join(folder, "tfunnel"))


def test_capabilities_that_are_missing(lab, up, doctor):
    doctor.before = ["setpriv", f"--reuid={isolation.USER_ID}", f"--regid={isolation.USER_ID}", "--clear-groups"]
    if subprocess.run([*doctor.before, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no other user here")
    up.program = own_copy("doctor-capable")
    fault = doctor.named("this user's tfunnel has no CAP_NET_ADMIN and CAP_NET_RAW")
    assert fault["mend"].startswith("setcap ")
    if lab.client.run(["sh", "-c", fault["mend"]], check=False).returncode != 0:
        pytest.skip("this file system has no capabilities")
    doctor.assert_healthy()


@pytest.mark.usefixtures("running")
def test_an_ordinary_user_hears_what_he_may_see(lab, up, doctor):
    """The tunnel is root's, and works: nothing is wrong because of him."""
    doctor.before = ["setpriv", f"--reuid={isolation.USER_ID}", f"--regid={isolation.USER_ID}", "--clear-groups"]
    if subprocess.run([*doctor.before, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no other user here")
    up.program = own_copy("doctor-plain")
    doctor.assert_healthy()
    told = lab.client.run([*doctor.before, up.program, "doctor"], env=up.environment).stdout
    assert "skipped  rules: they cannot be seen" in told and "skipped  probes" in told
    assert leaked(lab) == 0


def test_a_clock_that_is_behind_the_program(up, doctor):
    up.program = own_copy("doctor-clock")
    subprocess.run(["touch", "-d", "+3 years", up.program], check=True)
    assert doctor.named("it says a day before this program was made")["mend"] == "timedatectl set-ntp true"
    subprocess.run(["touch", up.program], check=True)
    doctor.assert_healthy()


# --- the command itself ------------------------------------------------------------------------------------------


def test_it_never_hangs_and_says_what_is_wrong_with_its_words(lab, doctor, up):
    doctor.words = ("--server", topology.SILENT_HOST[4], "--name", NAME)
    doctor.timeout = 0.05
    lab.client.ip(f"route add {topology.SILENT_HOST[4]}/32 via {topology.FAR_MGMT[4]}")
    status, faults = doctor.run()
    assert status == 1 and any("no answer in time" in fault["what"] for fault in faults), faults
    for words in (["--server", "host.example"], ["--server", "192.0.2.1:0"], ["--name", "a b"], ["--timeout", "0"]):
        refused = up.run("doctor", *words, check=False)
        assert refused.returncode == 64 and words[0] in refused.stderr, refused.stderr
