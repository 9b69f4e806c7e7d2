from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.host.notify import EXTENSION_USEC, Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        yield sock


def test_each_message_has_its_assignments(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    before = time.monotonic_ns() // 1000
    notifier.ready()
    notifier.reloading()
    notifier.stopping()
    notifier.extend()
    told = [manager.recv(1000).decode().split("\n") for _ in range(4)]
    assert told[0] == ["READY=1", f"MAINPID={os.getpid()}"]
    assert told[1][0] == "RELOADING=1"
    name, _, stamp = told[1][1].partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(stamp) <= time.monotonic_ns() // 1000
    assert told[2:] == [["STOPPING=1"], [f"EXTEND_TIMEOUT_USEC={EXTENSION_USEC}"]]


def test_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0trimaran-test-{os.getpid()}")
        sock.settimeout(10)
        Notifier(f"@trimaran-test-{os.getpid()}").send("A=1", "B=2")
        assert sock.recv(100) == b"A=1\nB=2"


def test_who_is_away_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier().send("READY=1")
    assert not caplog.text
    Notifier(str(tmp_path / "nobody")).send("READY=1")
    assert "cannot be told READY=1" in caplog.text


def test_full_socket_does_not_block(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    begun = time.monotonic()
    for _ in range(1000):
        notifier.send("X" * 1000)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("variables", "enabled", "watchdog"),
    [
        ({}, False, None),
        ({"WATCHDOG_USEC": "5000000"}, False, None),
        ({"NOTIFY_SOCKET": "/x"}, True, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000"}, True, 5.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "7"}, True, 5.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "8"}, True, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, True, None),
    ],
)
def test_environment_is_read_once_and_not_passed_on(
    variables: dict[str, str], enabled: bool, watchdog: float | None
) -> None:
    environ = {**variables, "PATH": "/bin"}
    notifier = Notifier.taken_from(environ, 7)
    assert (notifier.enabled, notifier.watchdog) == (enabled, watchdog)
    assert environ == {"PATH": "/bin"}
