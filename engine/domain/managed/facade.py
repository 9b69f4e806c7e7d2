"""All that routes and other rooms may import of the managed plugins."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from engine.domain.images.facade import Artifacts, Outbox, TransferLimits
from engine.domain.managed import config as configs
from engine.domain.managed.book import Book, event
from engine.domain.managed.config import Privilege
from engine.domain.managed.ports import Machine, Store
from engine.domain.managed.records import PluginRecord, familiar_name
from engine.domain.managed.remote import Remote
from engine.domain.managed.service import Do, Household, ManagedService
from engine.domain.plugins.ports import Endpoint
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound, SystemFailure
from engine.models.registry import AuthConfig
from supervisors import Mailbox

__all__ = ["Managed", "Privilege"]

KINDS = {
    "volumedriver": "VolumeDriver",
    "networkdriver": "NetworkDriver",
    "ipamdriver": "IpamDriver",
    "logdriver": "LogDriver",
    "authz": "authz",
    "metricscollector": "MetricsCollector",
}
Privileges = list[dict[str, Any]]
Work = tuple[str, AbstractAsyncContextManager[Outbox]]


class Managed:
    """Reads answer from memory; changes go through the mailbox, one after the other for each plugin.

    `used` says whether anything refers to a plugin's name, `leave` whether the plugins outlive the daemon's
    orderly end.
    """

    def __init__(
        self,
        machine: Machine,
        store: Store,
        artifacts: Artifacts,
        used: Callable[[str], bool],
        leave: Callable[[], bool],
    ) -> None:
        self.mailbox: Mailbox[Do] = Mailbox("managed", capacity=256)
        self._household = Household()
        self._machine = machine
        self._store = store
        self._book = Book(self._household, self.mailbox, machine, store)
        self._remote = Remote(self._book, artifacts)
        self._artifacts = artifacts
        self._used = used
        self._leave = leave

    def service(self) -> ManagedService:
        return ManagedService(
            self._household, self.mailbox, self._machine, self._store, self._artifacts, self._leave
        )

    def limit(self, limits: TransferLimits) -> None:
        """Other limits of downloads, also for what is waiting now: a reload."""
        self._artifacts.limit(limits)

    # reading

    def list(self, filters: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        """`GET /plugins`; filters `enabled` and `capability`."""
        for name in filters:
            if name not in ("enabled", "capability"):
                raise InvalidParameter(f"invalid filter '{name}'")
        found = sorted(self._household.records.values(), key=lambda each: each.name)
        return [view(each) for each in found if _listed(each, filters)]

    def inspect(self, name: str) -> dict[str, Any]:
        return view(self.find(name))

    def find(self, name: str) -> PluginRecord:
        """By name, ID or the beginning of one; NotFound."""
        return self._book.find(name)

    def endpoint(self, name: str) -> Endpoint | None:
        """Where other rooms reach it; None where there is none of this name."""
        record = self._book.named(name)
        if record is None:
            return None
        if not record.enabled:
            raise NotFound(f"plugin {record.name} found but disabled")
        return Endpoint(
            name=name,
            address=self._machine.address(record),
            root=self._machine.root(record.id),
            propagated=(record.config["PropagatedMount"], self._machine.propagated(record.id)),
            implements=tuple(_kinds(record)),
        )

    # changing

    async def create(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """From a tar of config.json and rootfs/."""
        local = familiar_name(name)
        self._book.check_free(local)
        data, package = await self._machine.pack(chunks, configs.packed)
        config = configs.read_config(data)
        record = PluginRecord(
            id=secrets.token_hex(32),
            name=local,
            created_ns=time.time_ns(),
            config=config,
            settings=configs.default_settings(config),
            package=package,
        )

        async def work() -> None:
            self._book.check_free(local)
            async with self._household.claim(package):
                await self._book.install(record, event("create", record), _unsaid)

        await self._book.do(local, work)

    async def enable(self, name: str, *, timeout: float = 0.0) -> None:
        """Run it, and wait for its socket; a plugin that does not come up is disabled again."""

        async def work(record: PluginRecord) -> None:
            if record.enabled:
                raise Conflict(f"already enabled: plugin {record.name} is enabled")
            enabled = msgspec.structs.replace(record, enabled=True)
            try:
                await self._machine.start(enabled)
                await self._household.reached(self._machine.address(enabled), timeout or 10.0)
            except EngineError as error:
                await self._machine.stop(record.id)
                raise type(error)(f"plugin {record.name}: {error}") from error
            await self._book.keep(enabled, event("enable", enabled))

        await self._book.change(name, work)

    async def disable(self, name: str, *, force: bool = False) -> None:
        async def work(record: PluginRecord) -> None:
            if not record.enabled:
                raise NotFound(f"plugin {record.name} found but disabled")
            if self._used(record.name) and not force:
                raise Conflict(f"plugin {record.name} is in use")
            disabled = msgspec.structs.replace(record, enabled=False)
            await self._book.keep(disabled, event("disable", disabled))
            await self._machine.stop(record.id)

        await self._book.change(name, work)

    async def set(self, name: str, arguments: Sequence[str]) -> None:
        async def work(record: PluginRecord) -> None:
            if record.enabled:
                raise SystemFailure(
                    "cannot set options on an active plugin, disable plugin before setting"
                )
            now = configs.changed(record.config, record.settings, arguments)
            await self._book.keep(msgspec.structs.replace(record, settings=now), None)

        await self._book.change(name, work)

    async def remove(self, name: str, *, force: bool = False) -> dict[str, Any]:
        """What it was; Conflict while it is enabled or in use, unless by force."""
        gone = self.inspect(name)

        async def work(record: PluginRecord) -> None:
            if not force and record.enabled:
                raise Conflict(f"plugin {record.name} is enabled")
            if not force and self._used(record.name):
                raise Conflict(f"plugin {record.name} is in use")
            await self._book.cross_out(record, event("remove", record))
            await self._machine.stop(record.id)
            await self._book.remove(record)

        await self._book.change(name, work)
        return gone

    # registries

    async def privileges(self, remote: str, *, auth: AuthConfig) -> Privileges:
        """`GET /plugins/privileges`."""
        return await self._remote.privileges(remote, auth)

    def pull(
        self, remote: str, name: str, granted: Sequence[Privilege], *, auth: AuthConfig
    ) -> Work:
        """The name that the plugin gets, "" asking for its own, and the work."""
        return self._remote.pull(remote, name, granted, auth)

    def upgrade(
        self, name: str, remote: str, granted: Sequence[Privilege], *, auth: AuthConfig
    ) -> Work:
        return self._remote.upgrade(name, remote, granted, auth)

    def push(self, name: str, *, auth: AuthConfig) -> AbstractAsyncContextManager[Outbox]:
        return self._remote.push(name, auth)


def view(record: PluginRecord) -> dict[str, Any]:
    """As `GET /plugins/{name}/json` shows it."""
    settings = msgspec.to_builtins(record.settings)
    return {
        "Config": {"DockerVersion": "", **record.config},
        "Enabled": record.enabled,
        "Id": record.id,
        "Name": record.name,
        "PluginReference": record.reference or record.name,
        "Settings": settings,
    }


def _unsaid(_: object) -> None:
    """The progress of a creation, which has no reader."""


def _kinds(record: PluginRecord) -> list[str]:
    names = [each.partition("/")[0].rpartition(".")[2] for each in record.types]
    return [KINDS[each] for each in names if each in KINDS]


def _listed(record: PluginRecord, filters: Mapping[str, Sequence[str]]) -> bool:
    enabled = [each.lower() in ("1", "true") for each in filters.get("enabled", ())]
    kinds = [each.partition("/")[0].rpartition(".")[2] for each in record.types]
    wanted = filters.get("capability", ())
    return (not enabled or record.enabled in enabled) and (
        not wanted or any(each in kinds for each in wanted)
    )
