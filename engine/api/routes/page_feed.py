"""What the operators' page is told over its WebSocket: first all there is, then what changes, until it goes.

Each message is `{"topic": ..., "data": ...}`. Usage is read only while a page is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
import trio

from engine.api.feeds import NOT_UNDERSTOOD, Closing, Feed
from engine.api.frames import TEXT, frame
from engine.api.routes.event_streams import as_json
from engine.domain.containers.glance import Watch
from engine.domain.events.facade import Event, EventFilter, Events
from engine.domain.logs.decoder import Selection
from engine.domain.logs.reader import LogStream
from engine.errors import EngineError
from engine.models.meters import Reading
from supervisors import Node

TICK, USAGE_EVERY, TREE_EVERY = 0.25, 1.0, 2.0
"""Seconds; the tree is told at once when a service changes, its mailboxes now and then."""
BACKLOG = 200
"""Events that a page begins with."""
TAIL = 200
PIECE = 100
"""Containers in one message."""


Row = tuple[str, str, int, str, int, int]
"""A service: path, state, restarts, last error, letters that wait, and room for them."""


class Source(Protocol):
    """What the page is filled from; nothing of it waits for another service, but for usage and logs."""

    engine_id: str
    events: Events

    @property
    def tree_changes(self) -> int: ...

    def tree(self) -> Node: ...

    def pulse(self) -> object: ...

    def health(self) -> object: ...

    def cells(self) -> Sequence[Any]: ...

    def networks(self) -> object: ...

    async def usage(self) -> Mapping[str, Reading]: ...

    def logs(self, reference: str, selection: Selection) -> LogStream: ...


class Wish(msgspec.Struct):
    """The page's only message: whose log it shows; "" for nobody's."""

    log: str


class PageFeed:
    """One page. `since`: it has the events up to there."""

    def __init__(self, source: Source, since: int | None) -> None:
        self._source = source
        self._since = since
        self._log = ""
        self._wished = trio.Event()
        self._sent: dict[str, bytes] = {}
        self._rows: dict[str, Row] = {}
        self._watch = Watch()

    def hear(self, message: str | bytes) -> None:
        try:
            self._log = msgspec.json.decode(message, type=Wish).log
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise Closing(NOT_UNDERSTOOD, f'only {{"log": ID}} is understood: {error}') from None
        self._wished.set()

    async def run(self, feed: Feed) -> None:
        """Until the page goes."""
        head = self._source.events.head
        fresh = self._since is None or self._since > head
        start = max(0, head - BACKLOG) if fresh else self._since
        hello = {"engine": self._source.engine_id, "seq": head, "fresh": fresh}
        await self._say(feed, "hello", hello)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_state, feed)
            nursery.start_soon(self._tell_events, feed, start)
            nursery.start_soon(self._tell_usage, feed)
            nursery.start_soon(self._tell_logs, feed)

    async def _say(self, feed: Feed, topic: str, data: object) -> None:
        await feed.say(frame(msgspec.json.encode({"topic": topic, "data": data}), TEXT))

    async def _say_new(self, feed: Feed, topic: str, data: object) -> None:
        """Nothing, if it is what was said last."""
        encoded = msgspec.json.encode({"topic": topic, "data": data})
        if self._sent.get(topic) != encoded:
            self._sent[topic] = encoded
            await feed.say(frame(encoded, TEXT))

    # state

    async def _tell_state(self, feed: Feed) -> None:
        changes, looked = -1, float("-inf")
        while True:
            source = self._source
            now = trio.current_time()
            if source.tree_changes != changes or now - looked >= TREE_EVERY:
                changes, looked = source.tree_changes, now
                await self._tell_tree(feed)
                await self._say_new(feed, "health", source.health())
                await self._say_new(feed, "pulse", source.pulse())
            await self._tell_containers(feed)
            await self._say_new(feed, "networks", source.networks())
            await trio.sleep(TICK)

    async def _tell_tree(self, feed: Feed) -> None:
        rows = {row[0]: row for row in flat(self._source.tree(), "")}
        fresh = [row for path, row in rows.items() if self._rows.get(path) != row]
        gone = [path for path in self._rows if path not in rows]
        self._rows = rows
        if fresh or gone:
            await self._say(feed, "tree", {"set": fresh, "gone": gone})

    async def _tell_containers(self, feed: Feed) -> None:
        fresh, gone = self._watch.changes(self._source.cells())
        for at in range(0, len(fresh), PIECE):
            await self._say(feed, "containers", {"set": fresh[at : at + PIECE], "gone": []})
        if gone:
            await self._say(feed, "containers", {"set": [], "gone": gone})

    async def _tell_usage(self, feed: Feed) -> None:
        last: Mapping[str, Reading] | None = None
        while True:
            found = await self._source.usage()
            if found is not last:
                last = found
                numbers = {id: (each.cpu, each.memory) for id, each in found.items()}
                await self._say(feed, "usage", {"at": trio.current_time(), "of": numbers})
            await trio.sleep(USAGE_EVERY)

    # streams

    async def _tell_events(self, feed: Feed, start: int | None) -> None:
        stream = self._source.events.stream(EventFilter({}), since_seq=start)
        async with aclosing(stream) as batches:
            async for batch in batches:
                await feed.say(frame(event_message(batch), TEXT))

    async def _tell_logs(self, feed: Feed) -> None:
        while True:
            await self._wished.wait()
            self._wished = trio.Event()
            async with trio.open_nursery() as nursery:
                if self._log:
                    nursery.start_soon(self._tell_log, feed, self._log)
                await self._wished.wait()
                nursery.cancel_scope.cancel()

    async def _tell_log(self, feed: Feed, id: str) -> None:
        end = ""
        try:
            stream = self._source.logs(id, Selection(follow=True, tail=TAIL))
            async with stream:
                async for data in stream:
                    lines = list(lines_of(data, tty=stream.tty))
                    await self._say(feed, "log", {"id": id, "lines": lines})
        except (EngineError, OSError) as error:
            end = str(error)
        await self._say(feed, "log", {"id": id, "lines": [], "end": end})


def event_message(batch: Sequence[Event]) -> bytes:
    return b'{"topic":"events","data":[%s]}' % b",".join(as_json(event) for event in batch)


def flat(node: Node, above: str) -> Iterator[Row]:
    """The tree as rows, parents first."""
    path = f"{above}/{node.name}" if above else node.name
    depth = sum(box.depth for box in node.mailboxes)
    capacity = sum(box.capacity for box in node.mailboxes)
    yield path, node.state, node.restarts, node.last_error or "", depth, capacity
    for child in node.children:
        yield from flat(child, path)


def lines_of(data: bytes, *, tty: bool) -> Iterator[tuple[int, str]]:
    """(stream, text) of whole frames; a terminal has no frames and one stream."""
    if tty:
        yield 1, data.decode(errors="replace")
        return
    at = 0
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8])
        yield data[at], data[at + 8 : end].decode(errors="replace")
        at = end
