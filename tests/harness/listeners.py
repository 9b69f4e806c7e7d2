"""Clients that listen for as long as a test runs: attached ones, log followers, event streams."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from typing import Any

from tests.harness.daemon import Daemon, UnixConnection


class Listener:
    """Reads a response to its end in a thread; `ended` says whether it has come to one."""

    def __init__(self, daemon: Daemon, method: str, path: str) -> None:
        self._connection = UnixConnection(daemon.socket, timeout=600)
        self._connection.request(method, path)
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        assert self.response.status < 300, self.response.read()
        self.data = bytearray()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bytes:
        """Everything, once it has ended; AssertionError when it doesn't."""
        self._thread.join(seconds)
        assert self.ended, f"still open after {seconds} s: {bytes(self.data[-200:])!r}"
        return bytes(self.data)

    def _read(self) -> None:
        try:
            while piece := self.response.read1(65536):
                self.data += piece
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = error
        finally:
            self.response.close()
            self._connection.close()

    def close(self) -> None:
        """Leave. The socket is shut down, so that the thread ends too."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


def stdout_of(frames: bytes) -> bytes:
    """The payload of a multiplexed stream; half a frame at its end is left out."""
    found, at = [], 0
    while at + 8 <= len(frames):
        size = int.from_bytes(frames[at + 4 : at + 8], "big")
        if at + 8 + size > len(frames):
            break
        found.append(frames[at + 8 : at + 8 + size])
        at += 8 + size
    return b"".join(found)


class Bystander:
    """A container that prints numbered lines, with an attached client, a log follower and an event
    stream: none of them may notice what happens to others."""

    SCRIPT = 'i=0; while :; do i=$((i+1)); echo "$i"; sleep 0.05; done'

    def __init__(self, daemon: Daemon, name: str = "bystander") -> None:
        self._daemon = daemon
        self.events = Listener(daemon, "GET", "/events")
        created = daemon.json(
            "POST",
            f"/containers/create?name={name}",
            {"Image": "busybox", "Cmd": ["sh", "-c", self.SCRIPT]},
        )
        self.id: str = created["Id"]
        query = "stream=1&stdout=1&stderr=1"
        self.attached = Listener(daemon, "POST", f"/containers/{self.id}/attach?{query}")
        daemon.json("POST", f"/containers/{self.id}/start")
        self.pid = self.inspect()["State"]["Pid"]
        self.logs = Listener(
            daemon, "GET", f"/containers/{self.id}/logs?follow=1&stdout=1&stderr=1"
        )

    def inspect(self) -> Any:
        return self._daemon.json("GET", f"/containers/{self.id}/json")

    def check(self) -> None:
        """Same process, all clients there, and no line lost or doubled."""
        state = self.inspect()["State"]
        assert (state["Running"], state["Pid"]) == (True, self.pid)
        for kind in ("events", "attached", "logs"):
            listener: Listener = getattr(self, kind)
            assert not listener.ended, f"the bystander's {kind} ended: {listener.error!r}"
        for kind in ("attached", "logs"):
            lines = stdout_of(bytes(getattr(self, kind).data)).split(b"\n")[:-1]
            assert lines == [b"%d" % n for n in range(1, len(lines) + 1)], kind

    def seen(self) -> int:
        """How many lines both clients have."""
        return min(stdout_of(bytes(each.data)).count(b"\n") for each in (self.attached, self.logs))

    def wait_for_more(self, seconds: float = 5) -> None:
        """Its output flows."""
        before, deadline = self.seen(), time.monotonic() + seconds
        while self.seen() < before + 2:
            assert time.monotonic() < deadline, "the bystander's lines stopped"
            time.sleep(0.02)

    def told(self) -> list[dict[str, Any]]:
        """The events that the stream has brought."""
        return [json.loads(line) for line in bytes(self.events.data).split(b"\n") if line]

    def close(self) -> None:
        for listener in (self.attached, self.logs, self.events):
            listener.close()
