#!/usr/bin/env python3
"""Fails if the table of ways out in tests/README.md names a test that there is not, or a way without a test or a reason."""

import pathlib
import re
import sys

LEAST = 40


def problems(repository):
    text = (repository / "tests/README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 4]
    ways = [row for row in rows if not row.startswith("| way |")]
    if len(ways) < LEAST:
        yield f"only {len(ways)} ways"
    for row in ways:
        held_by = row.split("|")[3]
        names = re.findall(r"`(test_\w+)::(test_\w+)`", held_by)
        if not names and not re.search("the same|documented, not prevented: ", held_by):
            yield "neither a test nor a reason: " + row
        for file, test in names:
            path = repository / "tests/e2e" / (file + ".py")
            if not path.exists() or f"def {test}(" not in path.read_text(encoding="utf-8"):
                yield f"no such test: {file}::{test}"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
