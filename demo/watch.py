"""The event stream, read all along by a thread of its own: shown as it comes, remembered for the checks."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from demo.checks import CheckFailed
from demo.client import Api, Lines

RECONNECT_SECONDS = 0.05
PATIENCE_SECONDS = 5.0
TOLD = ("exitCode", "signal")


class EventWatch:
    """Follows GET /events from the moment `start` is called, also over a restart of the daemon."""

    def __init__(self, api: Api, show: Callable[[str], None]) -> None:
        self._api = api
        self._show = show
        self._news = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._cursor = 0
        self._begin = 0
        self._closed = False
        self._lines: Lines | None = None
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)
        self.connections = 0

    def start(self) -> None:
        self._begin = int(time.time())
        self._thread.start()

    def close(self) -> None:
        """End the stream and its thread."""
        with self._news:
            self._closed = True
            if self._lines is not None:
                self._lines.stop()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    def expect(self, labels: Sequence[str]) -> None:
        """Wait until these have come, in this order, after those of the last call; others may lie between."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._news:
            first = self._cursor
            for label in labels:
                self._cursor = self._await(label, self._cursor, deadline, labels, first)

    def _await(
        self, label: str, start: int, deadline: float, labels: Sequence[str], first: int
    ) -> int:
        while True:
            for i in range(start, len(self._events)):
                if matches(label_of(self._events[i]), label):
                    return i + 1
            left = deadline - time.monotonic()
            if left <= 0:
                seen = [label_of(event) for event in self._events[first:]]
                raise CheckFailed(f"events (waiting for '{label}')", list(labels), seen)
            self._news.wait(left)

    def seen(self) -> list[dict[str, Any]]:
        """All events so far."""
        with self._news:
            return list(self._events)

    def replay(self) -> list[dict[str, Any]]:
        """The same stretch as the daemon's log on disk has it, up to the last one seen."""
        until = moment(self.seen()[-1]["timeNano"] + 1)
        return list(self._api.lines(f"/events?since={self._begin}&until={until}"))

    # the thread

    def _follow(self) -> None:
        while not self._closed:
            try:
                self._read(self._connect())
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(RECONNECT_SECONDS)  # the daemon is away: that is a step of the demo

    def _connect(self) -> Lines:
        lines = self._api.lines(f"/events?since={self._since()}")
        with self._news:
            self._lines = lines
            self.connections += 1
            if self._closed:
                lines.stop()
        return lines

    def _since(self) -> str:
        """The time of the last one, which the answer then repeats."""
        if not self._events:
            return str(self._begin)
        return moment(self._events[-1]["timeNano"])

    def _read(self, lines: Lines) -> None:
        for event in lines:
            if event in self._events[-8:]:
                continue
            with self._news:
                self._events.append(event)
                self._news.notify_all()
            self._show(described(event))


def moment(nanoseconds: int) -> str:
    """Unix seconds with a fraction, as /events takes them."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{seconds}.{rest:09}"


def label_of(event: dict[str, Any]) -> str:
    """Type, action and name: `container exec_create web`."""
    action = event["Action"].partition(":")[0]
    return f"{event['Type']} {action} {name_of(event)}"


def name_of(event: dict[str, Any]) -> str:
    actor = event["Actor"]
    name: str = (actor.get("Attributes") or {}).get("name") or actor["ID"]
    return name.removeprefix("sha256:")[:12] if len(name) >= 64 else name


def matches(label: str, wanted: str) -> bool:
    """`wanted` is a label, or the beginning of one up to a space."""
    return label == wanted or label.startswith(wanted + " ")


def described(event: dict[str, Any]) -> str:
    """A line for people."""
    kind, action, name = event["Type"], event["Action"], name_of(event)
    attributes = event["Actor"].get("Attributes") or {}
    told = "".join(f" {key}={attributes[key]}" for key in TOLD if key in attributes)
    clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
    milliseconds = event["timeNano"] // 1_000_000 % 1000
    return f"{clock}.{milliseconds:03}  {kind:<9} {name:<12} {action}{told}"
