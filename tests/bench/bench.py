"""Runs the benchmark; use run.sh, which prepares what this needs."""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

# pylint: disable=wrong-import-position
import harness
import isolation
import report
import rows_connect
import rows_idle
import rows_links
import rows_pipe
import rows_slow
import rows_small
import rows_ssh
import rows_sshuttle
import rows_startup
import rows_up
import topology

GROUPS = [
    rows_pipe.BULK,
    rows_pipe.RTT,
    rows_connect.CONNECT,
    rows_small.REQUESTS,
    rows_small.SHORT,
    rows_small.UDP,
    rows_idle.IDLE,
    rows_ssh.SSH,
    rows_links.LINKS,
    *rows_slow.GROUPS,
    rows_sshuttle.SSHUTTLE,
    rows_startup.STARTUP,
    rows_up.UP,
]

_DESCRIPTORS = 65536


def parse():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short and rough: does it work at all?")
    parser.add_argument("--only", help="rows or groups, by commas; patterns such as 'slow-4m-*' work")
    parser.add_argument("--repeat", type=int, help="rounds (3; 1 with --quick)")
    parser.add_argument("--output", metavar="FILE", help="the JSON document (bench.json beside the programs)")
    parser.add_argument("--list", action="store_true", help="the rows and their targets")
    options = parser.parse_args()
    options.only = [name for name in (options.only or "").split(",") if name]
    options.output = options.output or os.path.join(os.environ["BENCH_BUILD"], "bench.json")
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


def list_rows(only):
    for group in GROUPS:
        for row in harness.chosen_rows(group, only):
            target = row.target.text() if row.target else ""
            print(f"{group.name:10} {row.name:28} {target:10} {row.title}, {row.reference or 'no reference'}")


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        if hard < _DESCRIPTORS:
            resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy_percent(seconds=1.0):
    """How much of the processors others use now."""

    def idle_and_all():
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    before = idle_and_all()
    time.sleep(seconds)
    idle, every = (now - then for now, then in zip(idle_and_all(), before))
    return round(100 * (1 - idle / max(every, 1)), 1)


def main():
    options = parse()
    if options.list:
        list_rows(options.only)
        return 0
    if not any(harness.chosen_rows(group, options.only) for group in GROUPS):
        sys.exit("run.sh: no such row; see --list")
    raise_descriptor_limit()
    if not isolation.is_isolated():
        isolation.isolate([sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    options.busy_percent = busy_percent()
    if options.busy_percent > 10:
        harness.log(f"others use {options.busy_percent} % of the processors: expect noise")
    version = subprocess.run([topology.tfunnel(), "--version"], capture_output=True, text=True, check=True)
    results = harness.run(GROUPS, options)
    report.write(options.output, results, options, version.stdout.strip())
    print(report.table(results))
    harness.log(f"also in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
