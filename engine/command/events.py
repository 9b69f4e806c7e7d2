"""`trimaran events`: the event stream on the terminal, which outlives the daemon that tells it.

It goes on after the last event that it had, so that a daemon that is restarted costs no event and repeats
none. A log that is another one, or has been put back, is an error: what was missed cannot be known.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
import trio
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from engine.command.client import Unreachable

WINDOW = 512
"""Events that are under way at most: what a slow terminal keeps the daemon from sending."""
ANSWER_LIMIT = 10.0
FIRST_DELAY, LONGEST_DELAY = 0.05, 2.0
NOT_YET = 4002
"""The daemon's close code for a beginning after its newest event."""


class Discontinued(Exception):
    """The events cannot be gone on with without a hole."""


class Unread(Exception):
    """Whoever read our output has enough."""


class _Head(msgspec.Struct):
    engine: str
    seq: int


class _Hello(msgspec.Struct):
    hello: _Head


class _Numbered(msgspec.Struct):
    seq: int


def query(since: str, until: str, filters: Sequence[str], *, follow: bool) -> dict[str, str]:
    """The parameters of the request; ValueError for a filter without a value.

    Without `follow` it is what the log has up to now.
    """
    if not follow:
        since, until = since or "0", until or f"{time.time():.9f}"
    wanted: dict[str, list[str]] = {}
    for each in filters:
        name, found, value = each.partition("=")
        if not found:
            raise ValueError(f"invalid filter {each}: it is NAME=VALUE")
        wanted.setdefault(name, []).append(value)
    asked = {"since": since, "until": until}
    if wanted:
        asked["filters"] = msgspec.json.encode(wanted).decode()
    return {name: value for name, value in asked.items() if value}


class Follower:
    """Reads one log through any number of connections; `write` gets whole lines, in a thread."""

    def __init__(self, path: str, asked: dict[str, str], write: Callable[[str], object]) -> None:
        self._path = path
        self._asked = asked
        self._write = write
        self._engine = ""
        self._last: int | None = None
        if asked.get("since", "").startswith("seq:"):
            number = asked["since"].removeprefix("seq:")
            self._last = int(number) if number.isdecimal() else None

    async def run(self) -> None:
        """Until the end that was asked for; without one until cancelled.

        Discontinued; Unreachable when nobody answers the first time.
        """
        delay = FIRST_DELAY
        while True:
            heard = self._last
            try:
                if await self._session():
                    return
            except (OSError, HandshakeError, ConnectionClosed, trio.TooSlowError) as error:
                if not self._engine:
                    raise Unreachable(f"no daemon answers at {self._path}: {error}") from error
            if self._last != heard:
                delay = FIRST_DELAY
            await trio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _session(self) -> bool:
        """One connection; whether it was the last one."""
        with trio.fail_after(ANSWER_LIMIT):
            stream = await trio.open_unix_socket(self._path)
        failure: Exception | None = None
        over = False
        try:
            async with stream, trio.open_nursery() as nursery:
                over = await self._converse(nursery, stream)
                nursery.cancel_scope.cancel()
        except* Exception as group:  # noqa: BLE001 (raised again, without the nursery's group)
            failure = _leaf(group)
        if isinstance(failure, ConnectionRejected) and failure.status_code < 500:
            raise Discontinued(_refusal(failure))
        if failure is not None:
            raise failure
        return over

    async def _converse(self, nursery: trio.Nursery, stream: trio.SocketStream) -> bool:
        try:
            with trio.fail_after(ANSWER_LIMIT):
                connection = await wrap_client_stream(
                    nursery, stream, "localhost", self._resource()
                )
                hello = msgspec.json.decode(await connection.get_message(), type=_Hello).hello
            self._check(hello)
            await self._read(connection)
        except ConnectionClosed as closed:
            return self._over(closed.reason)
        return True

    def _resource(self) -> str:
        asked: dict[str, Any] = {**self._asked, "credit": WINDOW}
        if self._last is not None:
            asked["since"] = f"seq:{self._last}"
        return "/_trimaran/events/ws?" + urlencode(asked)

    def _check(self, hello: _Head) -> None:
        if self._engine and hello.engine != self._engine:
            raise Discontinued(
                f"engine {hello.engine} answers now, and the events were of {self._engine}"
            )
        if self._last is not None and hello.seq < self._last:
            raise Discontinued(
                f"event {self._last} is not there: the newest of engine {hello.engine} is {hello.seq}"
            )
        self._engine = hello.engine
        if self._last is None and "since" not in self._asked:
            self._last = hello.seq

    async def _read(self, connection: WebSocketConnection) -> None:
        """Print what comes, and give back credit for what was printed; until ConnectionClosed."""
        printed = 0
        while True:
            message = str(await connection.get_message())
            seq = msgspec.json.decode(message, type=_Numbered).seq
            try:
                await trio.to_thread.run_sync(self._write, f"{message}\n", abandon_on_cancel=True)
            except BrokenPipeError as error:
                raise Unread from error
            self._last = seq
            printed += 1
            if printed >= WINDOW // 2:
                await connection.send_message(msgspec.json.encode({"credit": printed}).decode())
                printed = 0

    def _over(self, reason: CloseReason | None) -> bool:
        """Whether a close is the end: the daemon's going is not."""
        if reason is None or reason.code in (1001, 1006):
            return False
        if reason.code == 1000:
            return True
        raise Discontinued(f"the daemon ended the stream: {reason.reason} ({reason.code})")


def print_line(text: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def run(path: str, asked: dict[str, str]) -> None:
    """Blocks. Discontinued, Unreachable, Unread."""
    trio.run(Follower(path, asked, print_line).run)


def _leaf(group: BaseExceptionGroup[Exception]) -> Exception:
    """The error that a nursery has wrapped; what is ours goes before what came of it."""
    leaves = [
        _leaf(each) if isinstance(each, BaseExceptionGroup) else each for each in group.exceptions
    ]
    return next((each for each in leaves if isinstance(each, Discontinued)), leaves[0])


def _refusal(rejected: ConnectionRejected) -> str:
    try:
        return str(msgspec.json.decode(rejected.body or b"")["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"the daemon answers {rejected.status_code}"
