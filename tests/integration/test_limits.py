"""Clients that hold connections without a use for them: the API keeps answering, and its memory stays what it was."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon
from tests.harness.subscribers import HANDSHAKE, subscribe

pytestmark = pytest.mark.integration

QUICK = 5.0
"""Seconds; without the limits it would be for ever."""
HALF_OPEN = 64


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Daemon(f"--api-half-open={HALF_OPEN}", "--api-header-timeout=2") as daemon:
        yield daemon


def ping(daemon: Daemon) -> None:
    began = time.monotonic()
    assert daemon.request("GET", "/_ping")[0] == 200
    assert time.monotonic() - began < QUICK


def connect(daemon: Daemon, sent: bytes = b"") -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(daemon.socket)
    sock.sendall(sent)
    return sock


def memory(daemon: Daemon) -> float:
    assert daemon.process is not None
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return int(status.read().split("VmRSS:")[1].split()[0]) / 1024


def flood(daemon: Daemon, count: int) -> None:
    """Half-open connections of every kind, none of which goes by itself."""
    before = memory(daemon)
    kinds = (b"", b"G", b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Slow: ", HANDSHAKE[:60])
    held = []
    try:
        for number in range(count):
            held.append(connect(daemon, kinds[number % len(kinds)]))
            if number % 500 == 0:
                ping(daemon)
        ping(daemon)
        assert memory(daemon) - before < 64
        for each in held[: count - HALF_OPEN]:
            assert not each.recv(1000)
    finally:
        for each in held:
            each.close()


def test_flood_of_half_open_connections_pushes_itself_out(daemon: Daemon) -> None:
    flood(daemon, 1500)


@pytest.mark.torture
def test_flood_of_ten_thousand(daemon: Daemon) -> None:
    flood(daemon, 10_000)


def trickle(sock: socket.socket, until: float) -> None:
    while time.monotonic() < until:
        sock.sendall(b"X: y\r\n")
        time.sleep(0.1)


def test_head_that_does_not_come_to_an_end_is_cut_off(daemon: Daemon) -> None:
    slow = connect(daemon, b"GET /_ping HTTP/1.1\r\n")
    began = time.monotonic()
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        trickle(slow, until=began + 60)
    slow.close()
    ping(daemon)


def test_malformed_and_oversized_messages_end_their_own_feed_alone(daemon: Daemon) -> None:
    good = subscribe(daemon.socket)
    # A ping that is too long; text without a mask; a message of a gigabyte, and one of 100 kB.
    huge = b"\x81\xff" + (1 << 30).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 100_000
    large = b"\x81\xff" + (100_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 100_000
    for sent, code in (
        (b"\x89\xfe\x01\x00" + b"\0" * 260, 1002),
        (b"\x81\x05hello", 1002),
        (huge, 1009),
        (large, 1009),
    ):
        bad = subscribe(daemon.socket)
        bad.settimeout(30)
        try:
            bad.sendall(sent)
            closed = bad.recv(1000)
            assert closed[:1] == b"\x88", closed
            assert int.from_bytes(closed[2:4], "big") == code
        except (BrokenPipeError, ConnectionResetError):
            pass  # it did not wait for all of it
        finally:
            bad.close()
        ping(daemon)
    daemon.json("POST", "/volumes/create", {"Name": "heard"})
    assert b"heard" in good.recv(4096)
    good.close()
