"""All that routes and other rooms may import of the managed plugins."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from engine.domain.events.facade import NewEvent
from engine.domain.managed import config as configs
from engine.domain.managed.ports import Machine, Store
from engine.domain.managed.records import PluginRecord, familiar_name
from engine.domain.managed.service import Do, Household, ManagedService
from engine.domain.plugins.ports import Endpoint
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound, SystemFailure
from supervisors import Mailbox

KINDS = {
    "volumedriver": "VolumeDriver",
    "networkdriver": "NetworkDriver",
    "ipamdriver": "IpamDriver",
    "logdriver": "LogDriver",
    "authz": "authz",
    "metricscollector": "MetricsCollector",
}
T = TypeVar("T")


class Managed:
    """Reads answer from memory; changes go through the mailbox, one after the other for each plugin.

    `used` says whether anything refers to a plugin's name, `leave` whether the plugins outlive the daemon's
    orderly end.
    """

    def __init__(
        self,
        machine: Machine,
        store: Store,
        used: Callable[[str], bool],
        leave: Callable[[], bool],
    ) -> None:
        self.mailbox: Mailbox[Do] = Mailbox("managed", capacity=256)
        self._household = Household()
        self._machine = machine
        self._store = store
        self._used = used
        self._leave = leave

    def service(self) -> ManagedService:
        return ManagedService(
            self._household, self.mailbox, self._machine, self._store, self._leave
        )

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
        if (found := self.named(name)) is not None:
            return found
        records = self._household.records.values()
        matching = [each for each in records if name and each.id.startswith(name)]
        if len(matching) > 1:
            raise SystemFailure(f'multiple plugins found for "{name}"')
        if not matching:
            raise NotFound(f'plugin "{name}" not found')
        return matching[0]

    def named(self, name: str) -> PluginRecord | None:
        try:
            wanted = familiar_name(name)
        except EngineError:
            return None
        return next((e for e in self._household.records.values() if e.name == wanted), None)

    def endpoint(self, name: str) -> Endpoint | None:
        """Where other rooms reach it; None where there is none of this name."""
        record = self.named(name)
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
        wanted = familiar_name(name)
        self._check_free(wanted)
        data, package = await self._machine.pack(chunks)
        config = configs.read_config(data)
        config["rootfs"] = {"type": "layers", "diff_ids": [package.diff_id]}
        record = PluginRecord(
            id=secrets.token_hex(32),
            name=wanted,
            created_ns=time.time_ns(),
            config=config,
            settings=configs.default_settings(config),
            package=package,
        )

        async def work() -> None:
            self._check_free(wanted)
            await self._machine.install(record.id, package)
            await self._keep(record, "create")

        await self._do(wanted, work)

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
            await self._keep(enabled, "enable")

        await self._change(name, work)

    async def disable(self, name: str, *, force: bool = False) -> None:
        async def work(record: PluginRecord) -> None:
            if not record.enabled:
                raise NotFound(f"plugin {record.name} found but disabled")
            if self._used(record.name) and not force:
                raise Conflict(f"plugin {record.name} is in use")
            await self._keep(msgspec.structs.replace(record, enabled=False), "disable")
            await self._machine.stop(record.id)

        await self._change(name, work)

    async def set(self, name: str, arguments: Sequence[str]) -> None:
        async def work(record: PluginRecord) -> None:
            if record.enabled:
                raise SystemFailure(
                    "cannot set options on an active plugin, disable plugin before setting"
                )
            now = configs.changed(record.config, record.settings, arguments)
            await self._keep(msgspec.structs.replace(record, settings=now), "")

        await self._change(name, work)

    async def remove(self, name: str, *, force: bool = False) -> dict[str, Any]:
        """What it was; Conflict while it is enabled or in use, unless by force."""
        gone = self.inspect(name)

        async def work(record: PluginRecord) -> None:
            if not force and record.enabled:
                raise Conflict(f"plugin {record.name} is enabled")
            if not force and self._used(record.name):
                raise Conflict(f"plugin {record.name} is in use")
            del self._household.records[record.id]
            self._household.changed()
            try:
                await self._store.drop(record, _event("remove", record))
            except BaseException:
                self._household.records[record.id] = record
                raise
            shared = any(e.package == record.package for e in self._household.records.values())
            await self._machine.stop(record.id)
            await self._machine.remove(record.id, record.package, shared=shared)

        await self._change(name, work)
        return gone

    async def _keep(self, record: PluginRecord, action: str) -> None:
        await self._store.put(record, _event(action, record) if action else None)
        self._household.records[record.id] = record
        self._household.changed()

    def _check_free(self, name: str) -> None:
        if self.named(name) is not None:
            raise Conflict(f"plugin {name} already exists")

    async def _change(self, name: str, work: Callable[[PluginRecord], Awaitable[None]]) -> None:
        plugin_id = self.find(name).id
        await self._do(plugin_id, lambda: work(self.find(plugin_id)))

    async def _do(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        await self.mailbox.ask(Do(key, work))


def view(record: PluginRecord) -> dict[str, Any]:
    """As `GET /plugins/{name}/json` shows it."""
    settings = msgspec.to_builtins(record.settings)
    return {
        "Config": {"DockerVersion": "", **record.config},
        "Enabled": record.enabled,
        "Id": record.id,
        "Name": record.name,
        "PluginReference": record.name,
        "Settings": settings,
    }


def _event(action: str, record: PluginRecord) -> NewEvent:
    return NewEvent("plugin", action, record.id, {"name": record.name})


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
