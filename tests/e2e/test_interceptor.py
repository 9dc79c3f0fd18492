"""The example interceptor as the far end of a real tunnel."""

import os
import re
import threading

import pytest
import topology

HTTP = 80


@pytest.fixture(name="web")
def _web(lab):
    """Answers each request with its own head."""
    listener = lab.far.socket(2, 1)
    listener.setsockopt(1, 2, 1)  # SO_REUSEADDR
    listener.bind((topology.FAR[4], HTTP))
    listener.listen()

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                body = head.split(b"\r\n\r\n")[0]
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
                connection.sendall(body)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    listener.shutdown(2)
    listener.close()
    thread.join()


@pytest.fixture(name="labelled")
def _labelled(start_tunnel):
    build = os.path.dirname(os.path.dirname(topology.tfunnel()))
    program = os.path.join(build, "examples", "label_interceptor")
    return start_tunnel(proxy_command=program, proxy_args="--label here-i-am")


def test_request_arrives_with_the_label(lab, labelled, web):
    del web
    done = lab.client.run(["curl", "-s", "--max-time", "10", f"http://{topology.FAR[4]}/page"])
    lines = done.stdout.splitlines()
    assert lines[0] == "GET /page HTTP/1.1"
    assert lines[1] == "X-Tunnel: here-i-am"
    assert any(line.startswith("User-Agent: curl") for line in lines), "the rest of the request is untouched"
    said = labelled.wait_for_log(r"flow over to=\S+:80 sent=(\d+) received=(\d+)")
    assert int(said[1]) > 0 and int(said[2]) > len(done.stdout)


def test_other_flows_pass_untouched(lab, server, labelled):
    del server
    lab.traffic(lab.client, "flows", "--count", 50)
    assert not re.search("flow over", labelled.log())
