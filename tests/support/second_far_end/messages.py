"""The messages of proto/tunnel.proto, made anew by protoc at each start, so that they are never older than the file."""

import importlib
import os
import subprocess
import sys
import tempfile

_PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "proto")


def _generate():
    with tempfile.TemporaryDirectory(prefix="second-far-end-") as folder:
        command = ["protoc", f"--proto_path={_PROTO}", f"--python_out={folder}", "tunnel.proto"]
        subprocess.run(command, check=True)
        sys.path.insert(0, folder)
        try:
            sys.dont_write_bytecode = True
            return importlib.import_module("tunnel_pb2")
        finally:
            sys.path.remove(folder)


pb = _generate()
