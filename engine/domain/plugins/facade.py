"""All that routes and other rooms may import of the plugins room."""

from __future__ import annotations

import time

from engine.domain.plugins.plugin import LIMIT, Object, Plugin
from engine.domain.plugins.ports import Directory, Wire
from engine.domain.plugins.service import Errand, Errands, PluginsService
from engine.domain.plugins.texts import tame

__all__ = ["LIMIT", "Object", "Plugin", "Plugins", "tame"]

VOLUME, AUTHORIZATION, LOG = "VolumeDriver", "authz", "LogDriver"
NETWORK, IPAM = "NetworkDriver", "IpamDriver"


class Plugins:
    """The plugins that somebody has named. Nothing is asked of any before that, nor at the start."""

    def __init__(self, directory: Directory, wire: Wire) -> None:
        self._directory = directory
        self._wire = wire
        self._known: dict[str, Plugin] = {}
        self._errands = Errands()

    def service(self) -> PluginsService:
        return PluginsService(self._known, self._errands, self.get)

    def later(self, name: str, kind: str, method: str, body: Object) -> None:
        """Tell a plugin something that nobody waits for; once, whether it takes it or not."""
        self._errands.add(Errand(name, kind, method, body))

    async def get(self, name: str, kind: str) -> Plugin:
        """The active plugin of that name and kind, within 5 seconds.

        NotFound where there is none; Unavailable for one that does not answer.
        """
        found = self._known.get(name)
        known = found.endpoint if found is not None else None
        # A managed one may be disabled, or another one of the same name. That is in memory.
        if known and known.implements and await self._directory.find(name) != known:
            del self._known[name]
            found = None
        if found is None:
            found = Plugin(name, self._directory, self._wire)
        await found.need(kind) if found.active else await self._activated(found, kind)
        return found

    async def _activated(self, plugin: Plugin, kind: str) -> None:
        """One that has an address is kept, also when it does not answer: its breaker is told by its name."""
        try:
            await plugin.need(kind)
        finally:
            if plugin.endpoint is not None:
                self._known.setdefault(plugin.name, plugin)
            else:
                self._known.pop(plugin.name, None)

    def active(self, kind: str) -> list[str]:
        """The names of those in use, sorted."""
        return sorted(name for name, each in self._known.items() if kind in each.implements)

    def report(self) -> list[dict[str, object]]:
        """For the status tree; `open_for` and `next_try` in seconds."""
        now = time.monotonic()
        return [_told(each, now) for _, each in sorted(self._known.items())]


def _told(plugin: Plugin, now: float) -> dict[str, object]:
    breaker = plugin.breaker
    return {
        "name": plugin.name,
        "address": plugin.endpoint.address if plugin.endpoint else "",
        "implements": list(plugin.implements),
        "breaker": "open" if breaker.open else "closed",
        "failures": breaker.failures,
        "reason": breaker.reason,
        "open_for": round(now - breaker.opened, 1) if breaker.open else 0.0,
        "next_try": round(max(0.0, breaker.next_try - now), 1) if breaker.open else 0.0,
    }
