"""All that others may import of the logs room: a run's log, its delivery, and what became of it."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import trio
from msgspec.structs import asdict

from engine.domain.logs.attributes import extra_attributes, render_tag
from engine.domain.logs.delivery import Delivery, DeliveryService
from engine.domain.logs.drivers import DRIVERS
from engine.domain.logs.options import file_options, no_driver, ring_size
from engine.domain.logs.ports import Destination, LogDrivers, SinkFactory
from engine.domain.logs.spool import LOG, Spool
from engine.domain.logs.timestamps import format_nano
from engine.domain.logs.writer import JsonFileLog
from engine.errors import EngineError
from supervisors import ChildSpec, Restart, Supervisor, Worker

log = logging.getLogger(__name__)

META, REMOVED = "destination.json", "removed"
SWEEP_EVERY = 60.0
KEEP_REMOVED = 24 * 3600.0
"""Seconds that a removed container's lines wait for a receiver that is away."""


class Logs:
    """The logs of containers whose driver delivers elsewhere; each has a directory of its own.

    Deliveries are services of `supervisor`, one for each container with something to deliver.
    """

    def __init__(
        self, directory: Path, open_sink: SinkFactory, drivers: LogDrivers | None = None
    ) -> None:
        self._directory = directory
        self._drivers = drivers
        self._open_sink = open_sink
        self._deliveries: dict[str, Delivery] = {}
        self._changed = trio.Event()
        self._serial = 0
        self._restored = False
        self.supervisor = Supervisor("logs", self._services(), max_restarts=10)

    async def need(self, driver: str) -> None:
        """InvalidParameter for a driver that is neither the engine's own nor a plugin that answers."""
        if driver in DRIVERS or driver == "none":
            return
        if self._drivers is None:
            raise no_driver(driver, f'plugin "{driver}" not found')
        try:
            await self._drivers.need(driver)
        except EngineError as error:
            raise no_driver(driver, str(error)) from error

    def drivers(self) -> list[str]:
        """As /info lists them."""
        return sorted([*DRIVERS, *(self._drivers.active() if self._drivers else ())])

    def path(self, container_id: str) -> Path:
        return self._directory / container_id / LOG

    def open(self, destination: Destination) -> JsonFileLog:
        """Of a run that begins or is taken up. Blocks; SystemFailure for options that can't be used."""
        options = destination.options
        render_tag(destination.subject, options.get("tag", ""))
        extra_attributes(destination.subject, options)
        found = file_options(destination.driver, options)
        container_id = destination.subject.id
        home = self._directory / container_id
        home.mkdir(mode=0o710, parents=True, exist_ok=True)
        _write(home / META, msgspec.json.encode(asdict(destination)))
        delivery = self._deliveries.get(container_id)
        if delivery is not None:
            delivery.destination = destination  # its container may have another name now
        else:
            spool = Spool(home, max_file=found.max_file, limit=ring_size(options))
            delivery = self._deliveries[container_id] = Delivery(destination, spool)
        return JsonFileLog(delivery.spool.path, found, delivery.spool.rotating)

    def serve(self, container_id: str, log: JsonFileLog) -> None:
        """The run whose log was opened has come to where its lines can be delivered."""
        delivery = self._deliveries.get(container_id)
        if delivery is not None and delivery.spool.path == log.path:
            delivery.attach(log)
            self._changed.set()

    async def forget(self, container_id: str) -> None:
        """The container is removed: what is undelivered waits a while longer, the rest goes."""
        home = self._directory / container_id
        await trio.to_thread.run_sync(_mark_removed, home)
        self._changed.set()

    def dropped(self) -> dict[str, int]:
        """Records that no receiver will ever get, by the container's ID; of those that deliver now."""
        return {id: each.spool.dropped for id, each in self._deliveries.items()}

    async def report(self, container_id: str) -> dict[str, Any]:
        """What became of the lines; `None` where there is nothing to say."""
        delivery = self._deliveries.get(container_id)
        if delivery is None:
            delivery = await trio.to_thread.run_sync(self._load, self._directory / container_id)
            if delivery is None:
                return {}
            self._deliveries.setdefault(container_id, delivery)
        spool, condition = delivery.spool, delivery.condition
        waiting = await trio.to_thread.run_sync(spool.backlog)
        return {
            "Receiver": condition.receiver,
            "Connected": condition.connected_ns != 0,
            "ConnectedSince": format_nano(condition.connected_ns) if condition.connected_ns else "",
            "LastError": condition.error,
            "LastErrorAt": format_nano(condition.error_ns) if condition.error_ns else "",
            "SpooledBytes": waiting.bytes,
            "SpooledLines": waiting.lines,
            "Delivered": spool.delivered,
            "Dropped": spool.dropped,
        }

    # the services

    def _services(self) -> list[ChildSpec]:
        return [ChildSpec(name="deliveries", factory=lambda: Deliveries(self))]

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed = trio.Event()

    async def restore(self) -> None:
        """What a former daemon left undelivered. Once, and before anybody opens a log."""
        if not self._restored:
            self._deliveries |= await trio.to_thread.run_sync(self._find)
            self._restored = True

    async def start(self) -> None:
        """Give everything that has something to deliver its service."""
        running = self.supervisor.names()
        for container_id, delivery in list(self._deliveries.items()):
            if delivery.idle or delivery.service in running:
                continue
            # A new name each time: the last service of this container may not have left yet.
            self._serial += 1
            delivery.service = f"{container_id[:12]}-{self._serial}"
            await self.supervisor.add(
                ChildSpec(
                    name=delivery.service,
                    factory=lambda one=delivery: DeliveryService(
                        one, self._open_sink, lambda: self._changed.set()
                    ),  # type: ignore[misc]
                    restart=Restart.TRANSIENT,
                    quarantine=True,
                )
            )

    async def sweep(self) -> None:
        """Delete what belongs to removed containers and is delivered, or has waited too long."""
        for container_id in await trio.to_thread.run_sync(self._spent):
            delivery = self._deliveries.pop(container_id, None)
            if delivery is not None:
                if delivery.service in self.supervisor.names():
                    await self.supervisor.remove(delivery.service)
                delivery.spool.close()
            await trio.to_thread.run_sync(shutil.rmtree, self._directory / container_id, True)

    def _spent(self) -> list[str]:
        found = []
        for home in _homes(self._directory):
            removed = home / REMOVED
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - removed.stat().st_mtime
                delivery = self._deliveries.get(home.name)
                waits = delivery is not None and not (
                    delivery.idle and not delivery.spool.pending()
                )
                if not waits or age > KEEP_REMOVED:
                    found.append(home.name)
        return found

    def _find(self) -> dict[str, Delivery]:
        found = {}
        for home in _homes(self._directory):
            delivery = self._load(home)
            if delivery is None:
                continue
            try:
                delivery.idle = not delivery.spool.pending()
            except OSError as error:
                log.error("the undelivered log in %s cannot be read: %s", home, error)
                delivery.idle = True
            if delivery.idle:
                delivery.spool.close()
            else:
                found[home.name] = delivery
        return found

    def _load(self, home: Path) -> Delivery | None:
        try:
            destination = msgspec.json.decode((home / META).read_bytes(), type=Destination)
            found = file_options(destination.driver, destination.options)
            limit = ring_size(destination.options)
            return Delivery(destination, Spool(home, max_file=found.max_file, limit=limit))
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            log.error("the undelivered log in %s cannot be read: %s", home, error)
            return None


def _homes(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(data)
    fresh.replace(path)


def _mark_removed(home: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (home / REMOVED).touch(mode=0o600)


class Deliveries(Worker):
    """Sees to it that every delivery has its service, and that nothing is left of removed containers."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        await self._logs.restore()
        task_status.started()
        while True:
            await self._logs.start()
            await self._logs.sweep()
            with trio.move_on_after(SWEEP_EVERY):
                await self._logs.changed()
