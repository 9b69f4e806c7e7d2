"""The table of what a reload changes while the daemon runs: which part of the engine lives from which keys."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from config.load import Loaded
from config.schema import Settings
from engine.wiring.choices import wanted_choices
from engine.wiring.identity import identity
from engine.wiring.logs import level_number
from engine.wiring.managed import containers_settings
from engine.wiring.registries import registry_settings, transfer_limits
from engine.wiring.reloading import Part, Reloader, Take
from engine.wiring.rooms import network_settings, retention, write_scripts

if TYPE_CHECKING:
    from engine.daemon import Engine

READ_WHERE_USED = frozenset({"features", "shutdown-timeout"})
"""Read from the engine's settings at the moment of their use."""


def make_reloader(engine: Engine, read: Callable[[], Loaded]) -> Reloader:
    """`read` reads the flags and the file once more."""

    async def announce(attributes: dict[str, str]) -> None:
        await engine.journal.emit("daemon", "reload", engine.engine_id, attributes)

    return Reloader(engine.settings, live_parts(engine), read, announce)


def live_parts(engine: Engine) -> tuple[Part, ...]:
    """In the order in which they are taken over; the first one is who the others ask."""
    return (
        _part("engine", READ_WHERE_USED, lambda new: _engine(engine, new)),
        _part("log", {"debug", "log-level"}, _level),
        _part("identity", _IDENTITY, lambda new: _identity(engine, new)),
        _part("containers", _CONTAINERS, lambda new: _containers(engine, new)),
        _part("networks", {"default-address-pools", "publish-policy"}, lambda new: _networks(engine, new)),
        _part("registries", {"insecure-registries", "proxies", "registry-mirrors"}, lambda new: _registries(engine, new)),
        _part("transfers", _TRANSFERS, lambda new: _transfers(engine, new)),
        _part("events", {"events-retention", "timeline-retention"}, lambda new: _events(engine, new)),
    )  # fmt: skip


_IDENTITY = frozenset({
    "debug", "default-runtime", "insecure-registries", "labels", "live-restore", "log-driver",
    "proxies", "registry-mirrors", "runtimes",
})  # fmt: skip
_CONTAINERS = frozenset({
    "default-cgroupns-mode", "default-ipc-mode", "default-runtime", "default-shm-size",
    "default-ulimits", "dns", "dns-opts", "dns-search", "init", "init-path", "live-restore",
    "log-driver", "log-opts", "no-new-privileges", "runtimes", "seccomp-profile",
})  # fmt: skip
_TRANSFERS = frozenset(
    {"max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts"}
)


def _part(name: str, keys: frozenset[str] | set[str], derive: Callable[[Settings], Take]) -> Part:
    return Part(name, frozenset(keys), derive)


def _engine(engine: Engine, new: Settings) -> Take:
    def take() -> None:
        engine.settings = new
        engine.operators.configure(new)

    return take


def _level(new: Settings) -> Take:
    number = level_number(new)
    return lambda: logging.getLogger().setLevel(number)


def _identity(engine: Engine, new: Settings) -> Take:
    engine.data.check(wanted_choices(new, engine.data))
    fresh = identity(new, engine.choices, engine.data.path, engine.address)
    return lambda: setattr(engine.system, "identity", fresh)


def _containers(engine: Engine, new: Settings) -> Take:
    write_scripts(new, engine.data.path)
    fresh = containers_settings(engine, new)

    def take() -> None:
        engine.outside.settings = fresh
        engine.outside.sandboxes.dns = new.dns

    return take


def _networks(engine: Engine, new: Settings) -> Take:
    fresh = network_settings(new, engine.engine_id)
    return lambda: engine.networks.settings.adopt(fresh)


def _registries(engine: Engine, new: Settings) -> Take:
    fresh = registry_settings(new, os.environ)
    return lambda: setattr(engine.registries, "settings", fresh)


def _transfers(engine: Engine, new: Settings) -> Take:
    limits = transfer_limits(new)

    def take() -> None:
        engine.images.limit(limits)
        engine.managed.limit(limits)

    return take


def _events(engine: Engine, new: Settings) -> Take:
    fresh = retention(new)
    return lambda: engine.limits.change(fresh)
