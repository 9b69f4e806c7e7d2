"""All that routes and other rooms may import of containers.

Reads answer from committed records and wait for nobody. Changes go through the container's own
mailbox; once taken they run to their end, whatever becomes of the client.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.domain.containers import filters as filtering
from engine.domain.containers import imagemounts, links, rules, stats, top, views
from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.logging import delivers, log_file
from engine.domain.containers.messages import (
    Connect,
    Create,
    Disconnect,
    Kill,
    Pause,
    Remove,
    Rename,
    Resize,
    Restart,
    Start,
    Stop,
    Unlink,
    Unpause,
    Update,
)
from engine.domain.containers.prepare import root_snapshot
from engine.domain.containers.records import Status
from engine.domain.containers.room import Room
from engine.domain.containers.service import Nursery
from engine.domain.containers.session import Session, Wanted
from engine.domain.containers.signals import parse_signal
from engine.domain.containers.stats import Stats
from engine.domain.logs.decoder import Selection
from engine.domain.logs.options import refuse_reading
from engine.domain.logs.reader import LogStream
from engine.domain.streams.broadcast import Subscription
from engine.domain.system.tallies import CONTAINER, Tallies
from engine.errors import InvalidParameter, NotFound, prefixed
from engine.models.containers import (
    CreateRequest,
    CreateResponse,
    InspectResponse,
    Summary,
    TopResponse,
    UpdateRequest,
    UpdateResponse,
)
from engine.models.networks import EndpointSettings
from engine.models.runtime import Mount
from supervisors import Request

T = TypeVar("T")

# Inside the class the name `list` is the method's.
Users = list[tuple[str, bool]]
Summaries = list[Summary]


async def _known(result: ExitResult) -> ExitResult:
    return result


async def _removal(cell: Cell) -> ExitResult:
    await cell.removed.wait()
    return cell.last_exit


class Containers:
    """References are an ID, a name, or a unique prefix of an ID."""

    def __init__(self, room: Room, nursery: Nursery) -> None:
        self._room = room
        self._nursery = nursery

    # reading

    def list(
        self,
        *,
        all: bool = False,
        limit: int = -1,
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Summary]:
        chosen = filtering.select(list(self._room.registry), filters or {}, all=all, limit=limit)
        parents = links.parents_of(self._room.registry)
        return [views.summary(cell, parents.get(cell.id, ())) for cell in chosen]

    def inspect(self, reference: str) -> InspectResponse:
        cell = links.resolve(reference, self._room.registry)
        shown = links.shown(cell.record, self._room.registry)
        return views.inspect(cell, self._directory(cell), shown)

    async def list_with_sizes(self, summaries: Sequence[Summary]) -> Summaries:
        return [
            views.with_sizes(each, *await self._sizes(cell))
            for each in summaries
            if (cell := self._room.registry.get(each.id)) is not None
        ]

    async def inspect_with_sizes(self, reference: str) -> InspectResponse:
        cell = self._room.registry.resolve(reference)
        size_rw, size_root_fs = await self._sizes(cell)
        return msgspec.structs.replace(
            self.inspect(reference), size_rw=size_rw, size_root_fs=size_root_fs
        )

    async def size_rw(self, cell: Cell) -> int:
        """Bytes of the container's own layer; 0 before it has one."""
        try:
            return (await self._room.outside.runtime.snapshots.usage(cell.id))[0]
        except NotFound:
            return 0

    async def _sizes(self, cell: Cell) -> tuple[int, int]:
        own = await self.size_rw(cell)
        try:
            return own, own + self._room.outside.images.resolve(cell.record.image_id).size
        except NotFound:
            return own, own

    def cell(self, reference: str) -> Cell:
        return self._room.registry.resolve(reference)

    def named(self, prefix: str) -> Sequence[str]:
        """The names of the containers that begin so."""
        return [
            cell.record.name for cell in self._room.registry if cell.record.name.startswith(prefix)
        ]

    def output(self, reference: str) -> Subscription:
        """(stream, data) of the container's next run, kept from now on; whoever is given it closes it."""
        return self._room.registry.resolve(reference).streams.fanout.subscribe()

    async def own_layer(self, reference: str) -> Sequence[Mount]:
        """The mounts of the container's root, its own writable layer on top."""
        return tuple(await root_snapshot(self.cell(reference).record, self._room.outside))

    @property
    def tallies(self) -> Tallies:
        return self._room.outside.tallies

    def cells(self) -> Sequence[Cell]:
        """All containers, to look at without waiting for anybody."""
        return tuple(self._room.registry)

    def counts(self) -> tuple[int, int, int]:
        """Running, paused, stopped."""
        states = [cell.record.state.status for cell in self._room.registry]
        paused = states.count(Status.PAUSED)
        running = sum(status is Status.RUNNING or status is Status.RESTARTING for status in states)
        return running, paused, len(states) - running - paused

    def ids(self) -> Sequence[str]:
        """Of all containers, also of those whose creation is under way."""
        return self._room.registry.ids()

    def users_of_image(self, image_id: str) -> Users:
        """(container ID, running) of the containers made from an image."""
        return [
            (cell.id, cell.running)
            for cell in self._room.registry
            if imagemounts.uses(cell.record, image_id)
        ]

    def wait(self, reference: str, condition: str) -> Callable[[], Awaitable[ExitResult]]:
        """Row 64: from now on, wait for the condition. NotFound, InvalidParameter at once."""
        cell = self._room.registry.resolve(reference)
        seen = cell.exits
        if condition in ("", "not-running"):
            if cell.running:
                return partial(cell.exit_after, seen)
            return partial(_known, cell.last_exit)
        if condition == "next-exit":
            return partial(cell.exit_after, seen)
        if condition == "removed":
            return partial(_removal, cell)
        raise InvalidParameter(f"invalid condition: {condition!r}")

    def logs(self, reference: str, selection: Selection) -> LogStream:
        """The container's log as `docker logs` wants it; a follower ends with the run."""
        if not (selection.stdout or selection.stderr):
            raise InvalidParameter("Bad parameters: you must choose at least one stream")
        cell = self._room.registry.resolve(reference)
        if cell.record.state.status in (Status.DEAD, Status.REMOVING):
            raise NotFound("can not get logs from container which is dead or marked for removal")
        path = log_file(cell.record, self._directory(cell), self._room.outside.logs)
        if path is None:
            raise refuse_reading()
        source = cell.streams.log or str(path)
        return LogStream(source, selection, tty=cell.record.config.tty)

    async def log_report(self, reference: str) -> dict[str, object]:
        """Its log driver, and where that delivers elsewhere: the receiver, what waits, what was dropped."""
        cell = self._room.registry.resolve(reference)
        delivery = await self._room.outside.logs.report(cell.id) if delivers(cell.record) else {}
        return {"Driver": cell.record.host.log_config.type, **delivery}

    # changing

    async def create(
        self,
        request: CreateRequest,
        *,
        name: str = "",
        platform: str = "",
        version: tuple[int, ...] = (1, 51),
    ) -> CreateResponse:
        message = Create(request, name, platform, version)
        with self._room.outside.tallies.timing(CONTAINER, "create"):
            container_id, warnings = await self._room.mailbox.ask(message)
        return CreateResponse(id=container_id, warnings=warnings)

    async def start(self, reference: str, *, checkpoint: str = "") -> None:
        """`checkpoint` is the path of one to start from."""
        with self._room.outside.tallies.timing(CONTAINER, "start"):
            await self._ask(reference, Start(checkpoint))

    # `by` is who asks for an end, which its event and the timeline tell.

    async def stop(
        self, reference: str, *, timeout: int | None = None, signal: str = "", by: str = ""
    ) -> None:
        number = parse_signal(signal) if signal else None
        await self._ask(reference, Stop(timeout, number, by=by))

    async def restart(
        self, reference: str, *, timeout: int | None = None, signal: str = "", by: str = ""
    ) -> None:
        number = parse_signal(signal) if signal else None
        await self._ask(reference, Restart(timeout, number, by))

    async def kill(self, reference: str, signal: str = "", *, by: str = "") -> None:
        number = parse_signal(signal or "SIGKILL")
        with prefixed(f"Cannot kill container: {reference}: "):
            await self._ask(reference, Kill(number, by))

    async def remove(
        self, reference: str, *, force: bool = False, volumes: bool = False, by: str = ""
    ) -> None:
        cell = self._room.registry.resolve(reference)
        with self._room.outside.tallies.timing(CONTAINER, "delete"):
            await self._ask(cell.id, Remove(force=force, volumes=volumes, by=by))

    async def pause(self, reference: str) -> None:
        await self._ask(reference, Pause())

    async def unpause(self, reference: str) -> None:
        await self._ask(reference, Unpause())

    async def rename(self, reference: str, name: str) -> None:
        await self._ask(reference, Rename(name))

    async def update(self, reference: str, request: UpdateRequest) -> UpdateResponse:
        return UpdateResponse(warnings=await self._ask(reference, Update(request)) or None)

    async def top(self, reference: str, arguments: str) -> TopResponse:
        return await top.top(self.cell(reference), self._room.outside, arguments)

    def check_stats(self, *, streaming: bool, one_shot: bool) -> None:
        stats.check(streaming=streaming, one_shot=one_shot)

    async def stats(self, reference: str, *, one_shot: bool) -> Stats:
        """One sample; with `one_shot` without the CPU numbers of a second before."""
        return await stats.once(self.cell(reference), self._room.outside, one_shot=one_shot)

    def stats_stream(self, reference: str) -> AsyncGenerator[Stats, None]:
        return stats.stream(self.cell(reference), self._room.outside)

    async def unlink(self, reference: str) -> None:
        """Row 7: `reference` is PARENT/ALIAS; the container itself stays."""
        parent, alias = links.parent_of(reference, self._room.registry)
        await self._ask(parent.id, Unlink(alias))

    async def resize(self, reference: str, height: int, width: int) -> None:
        await self._ask(reference, Resize(height, width))

    async def connect(self, reference: str, network: str, settings: EndpointSettings) -> None:
        """One more network, by name or ID. NotFound for either, Forbidden where it is already."""
        await self._ask(reference, Connect(network, settings))

    async def disconnect(self, reference: str, network: str, *, force: bool = False) -> None:
        """`force`: a container that has gone is in no network any more."""
        try:
            await self._ask(reference, Disconnect(network))
        except NotFound:
            if not force or self._known(reference):
                raise

    def _known(self, reference: str) -> bool:
        try:
            self._room.registry.resolve(reference)
        except NotFound:
            return False
        return True

    def session(self, reference: str, wanted: Wanted) -> Session:
        """A client's attachment, prepared: NotFound and Conflict come now, output is kept from now on."""
        cell = self._room.registry.resolve(reference)
        rules.check_attach(cell.record)
        return Session(cell, self._room.outside, wanted, self.logs)

    async def _ask(self, reference: str, message: Request[T]) -> T:
        cell = self._room.registry.resolve(reference)
        await self._nursery.supervise(cell)
        return await cell.mailbox.ask(message)

    def _directory(self, cell: Cell) -> Path:
        return self._room.outside.directory(cell.id)
