"""A buildkitd on the machine is the daemon's child, and its clients' bytes reach it. In its place: tests.harness.buildkitd."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, TrailersReceived

from tests.harness import buildkitd
from tests.harness.daemon import Daemon, UnixConnection

pytestmark = pytest.mark.integration

LIMIT = 20.0


class BuilderDaemon(Daemon):
    """With a buildkitd in its PATH."""

    def launch(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        found = buildkitd.install(self.root / "bin")
        super().launch(*extra, environment={**found, **(environment or {})})

    @property
    def pid_file(self) -> Path:
        return self.root / "exec" / "buildkitd" / "buildkitd.pid"

    def child(self) -> int:
        return int(json.loads(self.pid_file.read_text())["pid"])


@pytest.fixture(scope="module")
def daemon() -> Iterator[BuilderDaemon]:
    with BuilderDaemon() as found:
        found.load_busybox()
        yield found


@contextlib.contextmanager
def hijacked(daemon: Daemon, path: str, *headers: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LIMIT)
        sock.connect(daemon.socket)
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: h2c"]
        sock.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = sock.recv(1)
            assert piece, head
            head += piece
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"upgrade: h2c" in head.lower()
        yield sock


def asked(sock: socket.socket, message: bytes) -> tuple[bytes, int]:
    """One call of ListWorkers over HTTP/2 on the raw connection: what it answers, and the server's pid."""
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    h2.initiate_connection()
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "x",
        ":path": f"{buildkitd.SERVICE}/ListWorkers",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    h2.send_headers(1, list(headers.items()))
    size = len(message)
    body = b"\x0a" + bytes([size]) + message
    h2.send_data(1, b"\0" + struct.pack(">I", len(body)) + body, end_stream=True)
    sock.sendall(h2.data_to_send())
    found, trailers = b"", {}
    while True:
        for event in h2.receive_data(data := sock.recv(65536)):
            if isinstance(event, DataReceived):
                found += event.data or b""
            elif isinstance(event, TrailersReceived):
                trailers: dict[Any, Any] = dict(event.headers)
            elif isinstance(event, StreamEnded):
                return found[7:], int(trailers["pid"])
        assert data
        if out := h2.data_to_send():
            sock.sendall(out)


def read_line(sock: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = sock.recv(1)
        assert piece, line
        line += piece
    return line


def wait_until_gone(pid: int) -> None:
    """A process that ends lets go of its connections before it lets go of its listener."""
    deadline = time.monotonic() + LIMIT
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def builder_version(daemon: Daemon) -> str | None:
    connection = UnixConnection(daemon.socket)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().headers["Builder-Version"]
    finally:
        connection.close()


def test_clients_are_told_of_it_and_it_waits_to_be_wanted(daemon: BuilderDaemon) -> None:
    assert builder_version(daemon) == "2"
    assert not daemon.pid_file.exists()


def test_a_clients_calls_reach_it(daemon: BuilderDaemon) -> None:
    with hijacked(daemon, "/grpc") as sock:
        assert asked(sock, b"hello") == (b"hello", daemon.child())


def test_a_session_reaches_it_with_its_headers(daemon: BuilderDaemon) -> None:
    headers = [
        "X-Docker-Expose-Session-Uuid: one",
        "X-Docker-Expose-Session-Grpc-Method: /a",
        "X-Docker-Expose-Session-Grpc-Method: /b",
    ]
    with hijacked(daemon, "/session", *headers) as sock:
        assert json.loads(read_line(sock)) == [
            ["x-docker-expose-session-grpc-method", "/a"],
            ["x-docker-expose-session-grpc-method", "/b"],
            ["x-docker-expose-session-uuid", "one"],
        ]
        sent = b"some bytes " * 100_000 + b"\n"
        sock.settimeout(0.5)
        got = b""
        view = memoryview(sent)
        while view:
            view = view[sock.send(view[:65536]) :]
            got += sock.recv(1 << 20)
        sock.settimeout(LIMIT)
        while len(got) < len(sent):
            got += sock.recv(1 << 20)
        assert got == sent.upper()
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_one_that_dies_is_started_again_and_hurts_nobody(daemon: BuilderDaemon) -> None:
    done = daemon.docker("run", "-d", "busybox", "sleep", "1000", check=True)
    bystander = done.stdout.decode().strip()
    with hijacked(daemon, "/session", "X-Docker-Expose-Session-Uuid: two") as sock:
        read_line(sock)
        before = daemon.child()
        sock.sendall(b"die")
        assert sock.recv(1) == b""
    wait_until_gone(before)
    with hijacked(daemon, "/grpc") as sock:
        assert asked(sock, b"again") == (b"again", daemon.child())
    assert daemon.child() != before
    tree = daemon.json("GET", "/_trimaran/status")
    states = {each["name"]: (each["state"], each["restarts"]) for each in tree["children"]}
    assert states["buildkit"] == ("running", 0)
    assert states["containers"] == ("running", 0)
    assert daemon.json("GET", f"/containers/{bystander}/json")["State"]["Running"]
    daemon.docker("rm", "-f", bystander, check=True)


def test_the_next_daemon_ends_what_a_killed_one_left(daemon: BuilderDaemon) -> None:
    with hijacked(daemon, "/grpc") as sock:
        asked(sock, b"x")
    left = daemon.child()
    daemon.kill()
    assert Path(f"/proc/{left}").exists()
    daemon.start()
    wait_until_gone(left)
    with hijacked(daemon, "/grpc") as sock:
        assert asked(sock, b"y")[0] == b"y"


def test_the_classic_builder_is_still_there(daemon: BuilderDaemon) -> None:
    done = daemon.docker(
        "build", "-q", "-", input=b"FROM busybox\nRUN true\n", environment={"DOCKER_BUILDKIT": "0"}
    )
    assert done.stdout.startswith(b"sha256:"), done.stderr
    status, body = daemon.request("POST", "/build?version=2&remote=client-session")
    assert (status, b"DOCKER_BUILDKIT=0" in body) == (501, True)


def test_features_say_no(daemon: BuilderDaemon) -> None:
    config = daemon.root / "daemon.json"
    config.write_text('{"features": {"buildkit": false}}')
    try:
        daemon.json("POST", "/_trimaran/reload")
        assert daemon.request("POST", "/grpc")[0] == 501
        assert builder_version(daemon) == "1"
    finally:
        config.write_text("{}")
        daemon.json("POST", "/_trimaran/reload")
    status, body = daemon.request("POST", "/grpc")
    assert (status, json.loads(body)["message"]) == (400, "no upgrade proto in request")


def test_it_ends_with_the_daemon(daemon: BuilderDaemon) -> None:
    """The last one: the daemon stays down."""
    with hijacked(daemon, "/grpc") as sock:
        asked(sock, b"x")
        child = daemon.child()
        daemon.stop()
    assert not Path(f"/proc/{child}").exists()
    assert not daemon.pid_file.exists()
