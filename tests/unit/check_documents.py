"""Documents: each file and heading that they point to exists, options stand in --help and man pages alone, README is short."""

import pathlib
import re
import sys

LONGEST_README = 160
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
# A source file that a document names by its path, as the table "where would I look for" does.
NAMED = re.compile(r"`((?:client|common|examples|proto|proxy|tests)/[\w./-]+\.(?:cpp|hpp|md|proto|py|sh))`")
OPTION_ROW = re.compile(r"^\| `-(?:p|-[a-z])", re.MULTILINE)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(path):
    """Of all headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", path.read_text()), re.MULTILINE)
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w -]", "", text.lower()).strip().replace(" ", "-") for text in texts}


def faults_of(root, path):
    text = CODE.sub("", path.read_text())
    name = path.relative_to(root).as_posix()
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists():
            yield f"{name}: there is no {target}"
        elif anchor and anchor not in anchors(there):
            yield f"{name}: {file or name} has no heading #{anchor}"
    for named in NAMED.findall(text):
        if not (root / named).exists():
            yield f"{name}: there is no {named}"
    if OPTION_ROW.search(text):
        yield f"{name}: a table of options; they stand in --help and the man pages"


def main():
    root = pathlib.Path(sys.argv[1])
    folders = ["client", "common", "examples", "proto", "proxy", "tests"]
    documents = [root / "README.md"] + [path for folder in folders for path in sorted((root / folder).rglob("*.md"))]
    if len(documents) < 7:
        sys.exit("no documents found: is the argument the source folder?")
    faults = [fault for path in documents for fault in faults_of(root, path)]
    length = len((root / "README.md").read_text().splitlines())
    if length > LONGEST_README:
        faults.append(f"README.md has {length} lines, which is more than {LONGEST_README}: the manual stands beside its subject")
    print("\n".join(faults) or f"{len(documents)} documents, all that they point to is there")
    sys.exit(1 if faults else 0)


main()
