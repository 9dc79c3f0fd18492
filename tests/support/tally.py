"""Adds up the results that tests/run.sh left in a folder, and prints the closing line.

What was skipped counts for nothing, and is named with the reason: it must not be lost in silence.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ET


def reason_of(skipped, case):
    """pytest says it in an attribute, CTest in the test's output, if at all."""
    if skipped is not None and "pytest" in skipped.get("type", ""):
        return skipped.get("message")
    said = re.search(r"Skipped\n(.*)", case.findtext("system-out") or "")
    return said[1].strip() if said else "no reason given"


def count(path):
    """Passed, failed and skipped test cases of a JUnit file."""
    passed, failed, skipped = 0, [], []
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed.append(f"{case.get('classname', '')}.{case.get('name')}")
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
        else:
            skipped.append(f"{path.stem}: {case.get('name')}: {reason_of(case.find('skipped'), case)}")
    return passed, failed, skipped


def main(folder):
    passed, failed, skipped = 0, [], []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".xml":
            more, broken, left = count(path)
            passed += more
            failed += broken
            skipped += left
        elif path.name.startswith("ok."):
            passed += 1
        elif path.name.startswith("failed."):
            failed.append(path.name.removeprefix("failed."))
    # A run that crashed leaves no file: a suite that is missing must not look like success.
    if not any(folder.glob("e2e-*.xml")) or not any(folder.glob("build*.xml")):
        failed.append("a test suite left no results")
    print()
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
