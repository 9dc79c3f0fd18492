"""proto <- common/core <- common/io <- common/app <- {client, proxy}: nothing includes upwards or across."""

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
KNOWS_BOTH = "client/commands/"  # the one place
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
# What the pure part must not touch: the event loop, sockets, clocks, the process.
IMPURE_INCLUDE = re.compile(r"asio|^sys/|^netinet/|^unistd\.h$|^poll\.h$|^fcntl\.h$|^thread$|^fstream$")
IMPURE_CODE = re.compile(r"::now\(\)|::read\(|::write\(|::socket\(|getenv\(")
COMMENT = re.compile(r"//[^\n]*")


def layer(path):
    return next((name for name in [*ALLOWED, "proto"] if path.startswith(name + "/")), None)


def faults_of(root, path):
    text = path.read_text()
    name = path.relative_to(root).as_posix()
    here = layer(name)
    for include in INCLUDE.findall(text):
        target = layer(include)
        if target and target not in ALLOWED[here] and not name.startswith(KNOWS_BOTH):
            yield f"{name} includes {include}: {here} must not know {target}"
        if here == "common/core" and IMPURE_INCLUDE.search(include):
            yield f"{name} includes {include}: the core is pure"
    if here == "common/core":
        for found in IMPURE_CODE.findall(COMMENT.sub("", text)):
            yield f"{name} calls {found}: the core is told the time and the bytes"


def main():
    root = pathlib.Path(sys.argv[1])
    files = [p for name in ALLOWED for p in sorted((root / name).rglob("*.?pp"))]
    if len(files) < 10:
        sys.exit("no sources found: is the argument the source folder?")
    faults = [fault for path in files for fault in faults_of(root, path)]
    print("\n".join(faults) or f"{len(files)} files, all includes go downwards")
    sys.exit(1 if faults else 0)


main()
