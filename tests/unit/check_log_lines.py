"""Lines that a flow, a datagram, an upstream or a stranger can cause any number of times are logged by about_flow()."""

import pathlib
import re
import sys

# Such lines come from here; lines about the link itself are elsewhere, and never thinned.
FOLDERS = ["proxy", "client/capture"]
FILES = ["common/io/relay.cpp", "common/io/datagram_end.cpp"]
UNTHINNED = re.compile(r"\blog_?\.(?:info|warning|error|write)\(")
# file -> how many lines there are written at most once.
ONCE = {"proxy/proxy_app.cpp": 1, "proxy/proxy_program.cpp": 1, "proxy/udp/udp_refused.cpp": 1}


def main():
    root = pathlib.Path(sys.argv[1])
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.?pp"))]
    files += [root / name for name in FILES]
    if len(files) < 20:
        sys.exit("no sources found: is the argument the source folder?")
    faults = []
    for path in files:
        name = path.relative_to(root).as_posix()
        found = len(UNTHINNED.findall(path.read_text()))
        if found > ONCE.get(name, 0):
            faults.append(f"{name}: {found} log lines that a flood can repeat; use about_flow()")
    print("\n".join(faults) or f"{len(files)} files, nothing there can fill a log")
    sys.exit(1 if faults else 0)


main()
