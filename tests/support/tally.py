"""Adds up the results that tests/run.sh left in a folder, and prints the closing line."""

import pathlib
import sys
import xml.etree.ElementTree as ET


def count(path):
    """Passed and failed test cases of a JUnit file; skipped ones count as neither."""
    passed, failed = 0, []
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed.append(f"{case.get('classname', '')}.{case.get('name')}")
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
    return passed, failed


def main(folder):
    passed, failed = 0, []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".xml":
            more, broken = count(path)
            passed += more
            failed += broken
        elif path.name.startswith("ok."):
            passed += 1
        elif path.name.startswith("failed."):
            failed.append(path.name.removeprefix("failed."))
    # A run that crashed leaves no file: a suite that is missing must not look like success.
    if not any(folder.glob("e2e-*.xml")) or not any(folder.glob("build*.xml")):
        failed.append("a test suite left no results")
    print()
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
