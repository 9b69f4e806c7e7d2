from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench import listeners
from bench.listeners import Listeners


@contextmanager
def serving(told: bytes, path: Path, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[str]:
    """An engine that accepts one listener, and tells it in two pieces."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path / "s"))
        server.listen()

        def work() -> None:
            client, _ = server.accept()
            with client, suppress(OSError):
                client.recv(1000)
                client.sendall(head)
                for half in (told[:3], told[3:]):
                    client.sendall(half)

        thread = threading.Thread(target=work)
        thread.start()
        yield str(path / "s")
        thread.join(30)


def test_last_listener_decides(tmp_path: Path) -> None:
    with serving(b"heard-it", tmp_path) as path, Listeners(path, 1) as found:
        assert found.wait_for(b"heard-it") > 0


def test_refusal_is_no_listener(tmp_path: Path) -> None:
    with (
        serving(b"", tmp_path, head=b"HTTP/1.1 503 No\r\n\r\n") as path,
        pytest.raises(AssertionError, match="503 No"),
    ):
        Listeners(path, 1)


def test_listener_that_never_hears_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "TIMEOUT", 0.2)
    with (
        serving(b"something else", tmp_path) as path,
        Listeners(path, 1) as found,
        pytest.raises(AssertionError, match="1 never heard"),
    ):
        found.wait_for(b"heard-it")
