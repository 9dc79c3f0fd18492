"""Includes go through the layers downwards only, and no circle between folders of one level or between file pairs."""

import pathlib
import re
import sys

ALLOWED = {
    "common/core": {"proto", "common/core"},
    "common/io": {"proto", "common/core", "common/io"},
    "common/app": {"proto", "common/core", "common/io", "common/app"},
    "client": {"proto", "common/core", "common/io", "common/app", "client"},
    "proxy": {"proto", "common/core", "common/io", "common/app", "proxy"},
}
KNOWS_BOTH = "client/commands/"  # the one place that starts a far end, too
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
# The pure part must not touch these: the event loop, sockets, clocks, the process.
IMPURE_INCLUDE = re.compile(r"asio|^sys/|^netinet/|^unistd\.h$|^poll\.h$|^fcntl\.h$|^thread$|^fstream$")
IMPURE_CODE = re.compile(r"::now\(\)|::read\(|::write\(|::socket\(|getenv\(")
COMMENT = re.compile(r"//[^\n]*")


def layer(path):
    return next((name for name in [*ALLOWED, "proto"] if path.startswith(name + "/")), None)


def faults_of(name, text):
    here = layer(name)
    for include in INCLUDE.findall(text):
        target = layer(include)
        if target and target not in ALLOWED[here] and not (name.startswith(KNOWS_BOTH) and target == "proxy"):
            yield f"{name} includes {include}: {here} must not know {target}"
        if here == "common/core" and IMPURE_INCLUDE.search(include):
            yield f"{name} includes {include}: the core is pure"
    if here == "common/core":
        for found in IMPURE_CODE.findall(COMMENT.sub("", text)):
            yield f"{name} calls {found}: the core is told the time and the bytes"


def folder(path):
    return path.rpartition("/")[0]


def pair(path):
    """A header and its source are one thing."""
    return path.rpartition(".")[0]


def graph(sources, node):
    """The includes between files, as far as `node` tells them apart."""
    edges = {}
    for name, text in sources.items():
        targets = edges.setdefault(node(name), set())
        targets.update(node(include) for include in INCLUDE.findall(text) if include in sources)
        targets.discard(node(name))
    return edges


def circle(edges):
    """The nodes of one circle, or nothing: whatever includes nothing that is left is taken away until nothing can be."""
    left = {node: set(targets) for node, targets in edges.items()}
    while True:
        free = [node for node, targets in left.items() if not targets & left.keys()]
        if not free:
            return sorted(left)
        for node in free:
            del left[node]


def main():
    root = pathlib.Path(sys.argv[1])
    files = [p for name in ALLOWED for p in sorted((root / name).rglob("*.?pp"))]
    if len(files) < 10:
        sys.exit("no sources found: is the argument the source folder?")
    sources = {path.relative_to(root).as_posix(): path.read_text() for path in files}
    faults = [fault for name, text in sources.items() for fault in faults_of(name, text)]
    for what, node in {"folders": folder, "files": pair}.items():
        if found := circle(graph(sources, node)):
            faults.append(f"a circle among, or above, these {what}: {' '.join(found)}")
    print("\n".join(faults) or f"{len(files)} files, all includes go downwards, and in no circle")
    sys.exit(1 if faults else 0)


main()
