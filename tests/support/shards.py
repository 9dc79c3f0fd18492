"""Runs the end-to-end tests, some files at a time: shards.py NAME RESULTS [FILE...]

Each file is a pytest run in private namespaces of its own (see isolation.py), so that they cannot meet; what it said
is printed when it ends. Its results go to RESULTS/e2e-NAME-FILE.xml, for tally.py.

Environment: E2E_JOBS, how many at a time; E2E_FAR_END, not empty: only what another far end could make a difference to;
and what the tests themselves read.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent / "e2e"
# They mostly wait.
JOBS = int(os.environ.get("E2E_JOBS") or 2 * (os.cpu_count() or 1))
# Started first, so that none of them is the last to end; the rest follow by name.
LONG = ["test_system_leaks", "test_via_restart", "test_last_words", "test_examples", "test_via_network_changes",
        "test_via_leaks", "test_up_crash", "test_idle", "test_run", "test_via_first_start", "test_run_leaks"]  # fmt: skip
# They fill the processors and the memory: nothing else runs beside them.
ALONE = ["test_many_flows", "test_memory", "test_stall"]
# The near end alone answers their questions, so another far end makes no difference.
NEAR_END = ["test_capture", "test_documents", "test_examples", "test_listener", "test_preserve_source", "test_rules_*", "test_run*",
            "test_second_far_end", "test_system_leaks", "test_tty", "test_up", "test_up_*", "test_via_*"]  # fmt: skip


def files(wanted):
    """Those to run together, and those to run alone."""
    found = [path for path in sorted(TESTS.glob("test_*.py")) if not wanted or path.stem in wanted]
    if os.environ.get("E2E_FAR_END"):
        found = [path for path in found if not any(path.match(f"{name}.py") for name in NEAR_END)]
    alone = [path for path in found if path.stem in ALONE]
    together = [path for path in found if path not in alone]
    together.sort(key=lambda path: LONG.index(path.stem) if path.stem in LONG else len(LONG))
    return together, alone


def run(path, name, results):
    """One file; a run that leaves no results is a failed test of its own."""
    report = results / f"e2e-{name}-{path.stem}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-o", "junit_family=xunit1"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, f"--junitxml={report}", str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1) or not report.exists():
        (results / f"failed.e2e-{name}-{path.stem}").touch()
    return f"--- {path.stem}: status {done.returncode}, {time.monotonic() - began:.0f} s\n{done.stdout}"


def main(name, results, *wanted):
    together, alone = files({pathlib.Path(word).stem for word in wanted})
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        started = [pool.submit(run, path, name, results) for path in together]
        for ended in concurrent.futures.as_completed(started):
            print(ended.result(), flush=True)
    for path in alone:
        print(run(path, name, results), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: shards.py NAME RESULTS [FILE...]")
    main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), *sys.argv[3:])
