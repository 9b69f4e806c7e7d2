"""The door to registries. httpx is loaded at the first use: an idle daemon does without it (8 MB)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from engine.adapters.registry.endpoints import Lookup, lookup
from engine.adapters.registry.settings import RegistrySettings
from engine.domain.images.registries import Repository
from engine.domain.names.references import Reference
from engine.models.images import SearchResult
from engine.models.registry import AuthConfig

if TYPE_CHECKING:
    from engine.adapters.registry.sessions import RoadsFactory, Sessions

__all__ = ["RemoteRegistries"]

SESSIONS = "engine.adapters.registry.sessions"


class RemoteRegistries:
    """`settings` may be replaced: what is under way goes on with the old ones.

    `roads` makes the transport of a client, for who has another network.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        lookup: Lookup = lookup,
        roads: RoadsFactory | None = None,
    ) -> None:
        self.settings = settings
        self._lookup = lookup
        self._roads = roads

    async def _sessions(self) -> Sessions:
        module: Any = sys.modules.get(SESSIONS) or await trio.to_thread.run_sync(
            importlib.import_module, SESSIONS
        )
        sessions: Sessions = module.Sessions(
            self.settings, self._lookup, self._roads or module.Roads
        )
        return sessions

    @asynccontextmanager
    async def repository(
        self,
        name: Reference,
        credentials: AuthConfig,
        *,
        push: bool = False,
        sources: Sequence[str] = (),
    ) -> AsyncIterator[Repository]:
        sessions = await self._sessions()
        async with sessions.repository(name, credentials, push=push, sources=sources) as found:
            yield found

    async def login(self, credentials: AuthConfig) -> str:
        return await (await self._sessions()).login(credentials)

    async def search(self, term: str, limit: int, credentials: AuthConfig) -> list[SearchResult]:
        return await (await self._sessions()).search(term, limit, credentials)
