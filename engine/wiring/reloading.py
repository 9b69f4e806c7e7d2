"""A reload of the configuration: read again, judged key by key, then taken over as a whole or not at all.

Everything that can fail comes first (reading, checking, what the parts derive from the settings, the
commit of the event); taking over is nothing but assignments, with no await in between.
"""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
import trio

from config.errors import ConfigError
from config.load import Loaded
from config.reload import RELOADABLE, Change, apply, diff, refusals, refused
from config.schema import KEYS, Settings
from engine.errors import EngineError
from engine.models.reload import KeyChange, ReloadReport

log = logging.getLogger(__name__)

READ_SECONDS = 10.0
"""What reading the file and deriving from it may take."""

Take = Callable[[], object]


class Part(msgspec.Struct, frozen=True):
    """What depends on some keys. `derive` may raise and blocks at most on small files; `take` does neither."""

    name: str
    keys: frozenset[str]
    derive: Callable[[Settings], Take]


class Reloader:
    """`settings` are the ones in force. `read` is the start's own reading of flags and file."""

    def __init__(
        self,
        settings: Settings,
        parts: Sequence[Part],
        read: Callable[[], Loaded],
        announce: Callable[[dict[str, str]], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self._parts = tuple(parts)
        self._read = read
        self._announce = announce
        self._turn = trio.Lock()

    async def reload(self, *, dry_run: bool = False) -> ReloadReport:
        """Never raises for a bad configuration: the report says that it was refused, and why.

        Once begun it runs to its end, whoever asked for it.
        """
        with trio.CancelScope(shield=True):
            async with self._turn:
                report = await self._reload(dry_run=dry_run)
        for line in _lines(report):
            log.log(logging.INFO if report.accepted else logging.ERROR, "%s", line)
        return report

    async def _reload(self, *, dry_run: bool) -> ReloadReport:
        old = self.settings
        try:
            with trio.fail_after(READ_SECONDS):
                loaded = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
        except ConfigError as error:
            return _report(refused(old, error), dry_run=dry_run, message=error.message)
        except trio.TooSlowError:
            return _report([], dry_run=dry_run, message="the configuration file cannot be read")
        changes = diff(old, loaded.settings)
        if wrong := refusals(changes):
            message = "; ".join(f"{each.key} cannot be changed: {each.reason}" for each in wrong)
            return _report(changes, dry_run=dry_run, message=message)
        fresh = apply(old, loaded.settings)
        try:
            takes = await self._derive(fresh)
            if not dry_run:
                await self._announce(attributes(fresh, changes))
        except (EngineError, ConfigError, OSError, ValueError) as error:
            return _report(changes, dry_run=dry_run, message=str(error))
        if not dry_run:
            for take in takes:
                take()
            self.settings = fresh
        return _report(changes, dry_run=dry_run)

    async def _derive(self, fresh: Settings) -> list[Take]:
        return await trio.to_thread.run_sync(lambda: [part.derive(fresh) for part in self._parts])


def attributes(settings: Settings, changes: Sequence[Change]) -> dict[str, str]:
    """Of the event: every reloadable key as it is now, dockerd's names and forms, and what changed."""
    shown = {key: _text(shown_value(key, getattr(settings, KEYS[key]))) for key in RELOADABLE}
    shown["runtimes"] = " ".join(
        f"{name}:{runtime.path or runtime.type}" for name, runtime in settings.runtimes.items()
    )
    features = sorted(settings.features.items())
    shown["features"] = f"map[{' '.join(f'{key}:{_text(value)}' for key, value in features)}]"
    changed = [change.key for change in changes if change.verdict == "applied"]
    return {"name": socket.gethostname(), **shown, "changed": ",".join(changed)}


def shown_value(key: str, value: Any) -> Any:
    """As plain JSON, without the passwords of proxies."""
    plain = msgspec.to_builtins(value)
    if key == "proxies" and isinstance(plain, Mapping):
        return {name: re.sub(r"(?<=//)[^/@]+@", "xxxxx:xxxxx@", url) for name, url in plain.items()}
    return plain


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _report(changes: Sequence[Change], *, dry_run: bool, message: str = "") -> ReloadReport:
    accepted = not message
    return ReloadReport(
        accepted=accepted,
        dry_run=dry_run,
        message=message,
        changes=[
            KeyChange(
                change.key,
                change.verdict,
                shown_value(change.key, change.old),
                shown_value(change.key, change.new),
                change.reason,
            )
            for change in changes
            if change.verdict != "unchanged"
        ],
        unchanged=[change.key for change in changes if change.verdict == "unchanged"],
    )


def _lines(report: ReloadReport) -> list[str]:
    """For the log: what was done, or why nothing was."""
    trial = " (dry run)" if report.dry_run else ""
    if not report.accepted:
        return [f"The configuration was not reloaded{trial}: {report.message}"]
    told = [
        f"{each.key}: {each.verdict}{f' ({each.reason})' if each.reason else ''}"
        for each in report.changes
    ]
    return [f"Reloaded configuration{trial}: {', '.join(told) or 'nothing has changed'}"]
