"""What operators are told, put together from the tree, the vigil, the containers room and the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import trio

from config.origins import Origin, Origins
from config.schema import KEYS, Settings
from engine.domain.containers.restoring import Restoring
from engine.domain.system import health, tasks
from engine.domain.system.pulse import Lag, Pulse
from engine.domain.system.vigil import Vigil
from supervisors import Node

SECRETS = ("token", "password", "secret", "credential")
MASK = "xxxxx"


class Announced:
    """A task status that is also told to who waits for the whole tree."""

    def __init__(self, ready: trio.Event, further: trio.TaskStatus[None]) -> None:
        self._ready = ready
        self._further = further

    def started(self, value: None = None) -> None:
        self._ready.set()
        self._further.started(value)


class Operators:
    """Answers from what is in memory, so that it answers whatever else does not."""

    def __init__(
        self,
        tree: Callable[[], Node],
        vigil: Vigil,
        restoring: Restoring,
        pulse: Pulse,
        configured: tuple[Settings, Origins],
        plugins: Callable[[], list[dict[str, object]]] = list,
    ) -> None:
        self._tree = tree
        self._vigil = vigil
        self._restoring = restoring
        self._pulse = pulse
        self._settings, self._origins = configured
        self._plugins = plugins
        self.ages = tasks.Ages()
        self.changes = 0
        self.damage: dict[str, object] = {}

    def changed(self, *_: object) -> None:
        """A service of the tree has another state."""
        self.changes += 1

    def nodes(self) -> Node:
        return self._tree()

    def lag(self) -> Lag:
        return self._pulse.report()

    def tree(self) -> dict[str, object]:
        own = {"loop_lag": self._pulse.report(), "damage": self.damage, "plugins": self._plugins()}
        return {**self._tree().to_dict(), **own}

    def configure(self, settings: Settings) -> None:
        """After a reload."""
        self._settings = settings

    def health(self) -> health.Health:
        return health.judge(self._tree(), self._vigil.answers, self._restoring.progress())

    def waiting_for(self) -> str:
        """Which subsystems are still coming up, in words."""
        coming = [each.name for each in self.health().subsystems if each.state == "starting"]
        progress = self._restoring.progress()
        text = ", ".join(coming) or "its last services"
        if progress.done < progress.total:
            text += f" ({progress.done} of {progress.total} containers are restored)"
        return text

    async def tasks(self) -> dict[str, object]:
        root = trio.lowlevel.current_root_task()
        assert root is not None
        tree, count = await tasks.report(root, self.ages)
        return {"count": count, "root": tree}

    def configuration(self) -> dict[str, object]:
        """Each key of daemon.json with its value and where that came from; secrets are masked."""
        return {
            key: {
                "value": masked(key, msgspec.to_builtins(getattr(self._settings, attribute))),
                "origin": self._origins.get(key, Origin.DEFAULT).value,
            }
            for key, attribute in KEYS.items()
        }


def masked(key: str, value: Any) -> Any:
    """Passwords in URLs, and values whose name says that they are secret, are not shown."""
    if isinstance(value, dict):
        return {name: masked(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(key, each) for each in value]
    if not isinstance(value, str) or not value:
        return value
    if any(word in key.lower() for word in SECRETS):
        return MASK
    return _without_password(value) if "://" in value and "@" in value else value


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    if not found or ":" not in user:
        return url
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{MASK}@{host}"))
