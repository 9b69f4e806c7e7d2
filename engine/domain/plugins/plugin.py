"""One plugin as it is asked: activated at its first use, its errors translated, its silence bounded."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from engine.domain.plugins.breaker import Breaker
from engine.domain.plugins.ports import Answer, BadAnswer, Directory, Endpoint, NotReached, Wire
from engine.domain.plugins.texts import tame
from engine.errors import NotFound, SystemFailure, Unavailable

ACTIVATION = 4.0
"""Seconds for finding a plugin, reaching it and its handshake; dockerd takes up to 30."""
RETRIES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts to reach a socket that nobody answers at; dockerd begins with 1."""
SILENCE = 3.0
"""Seconds after which a plugin that is silent on a call is asked whether it lives."""
PROBE = 1.5
PATIENCE = 120.0
"""Seconds for a call to a plugin that lives."""
LIMIT = 4 << 20
"""Bytes of an answer."""

Object = dict[str, Any]


class Plugin:
    """Kept by the room for as long as anything has named it."""

    def __init__(self, name: str, directory: Directory, wire: Wire) -> None:
        self.name = name
        self.breaker = Breaker()
        self.implements: tuple[str, ...] = ()
        self.endpoint: Endpoint | None = None
        self._directory = directory
        self._wire = wire
        self._activating = trio.Lock()

    @property
    def active(self) -> bool:
        return bool(self.implements) and self.endpoint is not None

    @property
    def root(self) -> str:
        """What goes before the paths that it answers with; empty for the host's own."""
        return self.endpoint.root if self.endpoint is not None else ""

    async def need(self, kind: str) -> None:
        """Be active and of this kind, or say why not: NotFound, Unavailable, within 5 seconds."""
        if not self.active:
            await self.activate()
        if kind not in self.implements:
            raise NotFound(f'plugin "{self.name}" does not implement {kind}')

    async def activate(self, *, probing: bool = False) -> None:
        """The handshake. A plugin whose breaker is open is only asked by who is `probing`, unless it moved."""
        try:
            with trio.fail_after(ACTIVATION):
                async with self._activating:
                    if self.active and not self.breaker.open:
                        return
                    found = await self._directory.find(self.name)
                    if found is None:
                        self.endpoint, self.implements = None, ()
                        self.breaker.worked()
                        raise NotFound(f'plugin "{self.name}" not found')
                    if self.breaker.open and not probing and found == self.endpoint:
                        raise Unavailable(self.breaker.reason)
                    self.endpoint = found
                    if found.implements and probing:
                        await self._reach(found, "/Plugin.Activate", b"{}", LIMIT)
                    self.implements = found.implements or await self._handshake(found)
                    self.breaker.worked()
        except trio.TooSlowError:
            raise self._fails(f"it does not answer within {ACTIVATION:.0f} s") from None

    async def call(
        self,
        method: str,
        body: Object,
        *,
        limit: int = LIMIT,
        patience: float = PATIENCE,
        optional: bool = False,
    ) -> Object:
        """Ask `/method`. SystemFailure with the plugin's own error; Unavailable when it is away or silent.

        One that does not know what is `optional` has nothing to say about it.
        """
        if self.breaker.open or not self.active:
            await self.activate()
        endpoint = self.endpoint
        if endpoint is None:
            raise NotFound(f'plugin "{self.name}" not found')
        sent = msgspec.json.encode(body)

        async def ask() -> Answer:
            return await self._reach(endpoint, f"/{method}", sent, limit)

        try:
            with trio.fail_after(patience):
                answer = await self._attended(ask)
        except trio.TooSlowError:
            raise self._fails(f"{method}: no answer within {patience:.0f} s") from None
        if optional and answer.status == 404:
            return {}
        return self._decoded(method, answer)

    async def _attended(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Wait for a slow answer as long as the plugin shows that it lives: mounting may take its time."""
        found: list[Answer] = []
        failure: list[Exception] = []

        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                while True:
                    await trio.sleep(SILENCE)
                    try:
                        with trio.fail_after(PROBE):
                            await self._alive()
                    except (trio.TooSlowError, NotReached, BadAnswer):
                        failure.append(self._fails("it does not answer"))
                        nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                found.append(await ask())
            except Unavailable as error:
                failure.append(error)
            nursery.cancel_scope.cancel()
        if found:
            return found[0]
        raise failure[0]

    async def _alive(self) -> None:
        assert self.endpoint is not None
        await self._wire.post(self.endpoint, "/Plugin.Activate", b"{}", limit=LIMIT)

    async def _handshake(self, endpoint: Endpoint) -> tuple[str, ...]:
        answer = await self._reach(endpoint, "/Plugin.Activate", b"{}", LIMIT)
        try:
            kinds = self._decoded("Plugin.Activate", answer)["Implements"]
            if not isinstance(kinds, list) or not all(isinstance(each, str) for each in kinds):
                raise KeyError
        except KeyError:
            raise self._fails("Plugin.Activate: it does not say what it implements") from None
        except SystemFailure as error:
            raise self._fails(str(error)) from None
        return tuple(tame(each) for each in kinds)

    async def _reach(self, endpoint: Endpoint, path: str, body: bytes, limit: int) -> Answer:
        """Tried again only while nobody has taken the request."""
        reason = ""
        for pause in (*RETRIES, None):
            try:
                return await self._wire.post(endpoint, path, body, limit=limit)
            except NotReached as error:
                reason = str(error)
            except BadAnswer as error:
                raise self._fails(f"{path[1:]}: {tame(str(error))}") from None
            if pause is not None:
                await trio.sleep(pause)
        raise self._fails(reason)

    def _decoded(self, method: str, answer: Answer) -> Object:
        if answer.status != 200:
            text = tame(_error_of(answer.body)) or f"status {answer.status}"
            raise SystemFailure(f"{method}: {text}")
        try:
            found = msgspec.json.decode(answer.body or b"{}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise SystemFailure(f'plugin "{self.name}": {method}: the answer is no JSON') from None
        if not isinstance(found, dict):
            raise SystemFailure(f'plugin "{self.name}": {method}: the answer is no JSON object')
        if error := found.get("Err"):
            raise SystemFailure(tame(str(error)))
        return found

    def _fails(self, reason: str) -> Unavailable:
        text = f'plugin "{self.name}": {tame(reason)}'
        self.breaker.failed(text, time.monotonic())
        return Unavailable(text)


def _error_of(body: bytes) -> str:
    """What is in an error's body: an object with `Err`, or words."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body[:8192].decode(errors="replace")
    return str(found.get("Err", "")) if isinstance(found, dict) else ""
