"""Plugins that exist in memory: where they are, and what they answer after how long."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import trio

from engine.domain.plugins.ports import Answer, Endpoint, NotReached

Replies = dict[str, object]


@dataclass
class FakePlugins:
    """A Directory and a Wire. `answers` by name and path: a dict, an Answer, an exception, or seconds of silence."""

    answers: dict[str, Replies] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bodies: dict[str, Any] = field(default_factory=dict)
    """The last one of each call."""
    gone: set[str] = field(default_factory=set)

    def add(self, name: str, *kinds: str, **answers: object) -> None:
        handshake = {"/Plugin.Activate": {"Implements": list(kinds)}}
        self.answers[name] = {
            **handshake,
            **{f"/{k.replace('__', '.')}": v for k, v in answers.items()},
        }

    async def find(self, name: str) -> Endpoint | None:
        await trio.lowlevel.checkpoint()
        return Endpoint(name=name, address=f"unix:///{name}") if name in self.answers else None

    async def names(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return sorted(self.answers)

    async def post(self, endpoint: Endpoint, path: str, body: bytes, *, limit: int) -> Answer:
        self.calls.append(f"{endpoint.name} {path}")
        self.bodies[self.calls[-1]] = json.loads(body or b"null")
        await trio.lowlevel.checkpoint()
        if endpoint.name in self.gone:
            raise NotReached(f"dial unix /{endpoint.name}: connection refused")
        found = self.answers[endpoint.name][path]
        if isinstance(found, tuple):
            seconds, found = found
            await trio.sleep(seconds)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Answer):
            return found
        return Answer(200, json.dumps(found).encode())
