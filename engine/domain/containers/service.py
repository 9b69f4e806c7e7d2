"""The containers service: it makes containers, and brings back those that the store knows."""

from __future__ import annotations

import logging
import re

import trio

from engine.domain.containers import policy
from engine.domain.containers.bootorder import BootOrder
from engine.domain.containers.cell import Cell
from engine.domain.containers.create import create, undo_abandoned, undo_interrupted
from engine.domain.containers.joins import joins
from engine.domain.containers.messages import Again, Reconcile, RoomMessage, Stop
from engine.domain.containers.operator import Operator
from engine.domain.containers.prepare import prepare
from engine.domain.containers.records import Status
from engine.domain.containers.room import Room
from engine.domain.containers.sweep import sweep
from engine.errors import EngineError
from supervisors import ChildSpec, Letter, Refusal, Restart, Supervisor, UnknownChild, Worker

log = logging.getLogger(__name__)

BOOT_PATIENCE = 10.0
"""Seconds that the service waits, before it takes mail, for what outlived the daemon to be looked at."""
LATE = 10.0
"""Seconds after which containerd has ended what it was doing for a daemon that was killed."""
CELL = re.compile(r"[0-9a-f]{12}")


def cell_name(container_id: str) -> str:
    return container_id[:12]


class Nursery:
    """Puts cells under supervision: one transient supervisor for each container that anything happens to."""

    def __init__(self, room: Room, supervisor: Supervisor) -> None:
        self._room = room
        self._supervisor = supervisor

    async def supervise(self, cell: Cell) -> Supervisor:
        """The cell's supervisor, its operator running (and the container reconciled)."""
        async with cell.supervised:
            if cell.supervisor is not None and cell_name(cell.id) in self._supervisor.names():
                return cell.supervisor
            fresh = Supervisor(cell_name(cell.id), [self._operator(cell)])
            cell.supervisor = fresh  # before its start: an operator that reconciles adds to it
            await self._supervisor.add(
                ChildSpec(
                    name=cell_name(cell.id),
                    factory=lambda: fresh,
                    restart=Restart.TEMPORARY,
                    quarantine=True,
                )
            )
            return fresh

    def _operator(self, cell: Cell) -> ChildSpec:
        return ChildSpec(
            name="operator",
            factory=lambda: Operator(cell, self._room.outside),
            mailboxes=(cell.mailbox,),
            quarantine=True,  # alone: the container's output must flow on
        )

    async def again(self, container_id: str) -> None:
        """For the restart manager: the container's restart is due."""
        cell = self._room.registry.get(container_id)
        if cell is not None:
            await self.supervise(cell)
            cell.mailbox.offer(Again())

    async def sweep(self, grace: float | None = None) -> None:  # noqa: ARG002  knows for sure what is nobody's
        """Take away what is nobody's. A container whose task should be gone gets its operator to see to it."""
        for container_id in await sweep(self._room.registry, self._room.outside):
            found = self._room.registry.get(container_id)
            if found is not None:
                await self.supervise(found)
                found.mailbox.offer(Reconcile())

    def names(self) -> tuple[str, ...]:
        """The cells' names in the tree."""
        return tuple(each for each in self._supervisor.names() if CELL.fullmatch(each))

    async def dismiss(self, name: str) -> None:
        try:
            await self._supervisor.remove(name)
        except UnknownChild:
            return


class ContainersService(Worker):
    """Takes the room's mail. Creates run beside each other; a name is theirs before the first await."""

    def __init__(self, room: Room, nursery: Nursery) -> None:
        self._room = room
        self._nursery = nursery

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        await self._restore_others()
        with trio.move_on_after(BOOT_PATIENCE):
            await self._take_up()
        with self._room.mailbox.open() as inbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._see_off)
                nursery.start_soon(self._bring_back)
                nursery.start_soon(undo_abandoned, self._room)
                task_status.started()
                async for letter in inbox:
                    nursery.start_soon(self._answer, letter)

    async def _restore_others(self) -> None:
        """The networks and the volumes get back what the records say of them."""
        if not self._room.restored:
            records = [cell.record for cell in self._room.registry]
            await self._room.outside.sandboxes.restore(records)
            await self._room.outside.volumes.restore(records)
            await undo_interrupted(self._room)
            self._room.restored = True

    async def _answer(self, letter: Letter[RoomMessage]) -> None:
        with letter.handling():
            cell, warnings = await create(self._room, letter.message)
            letter.reply((cell.id, warnings))
            await self._prepare_ahead(cell)
        await undo_abandoned(self._room)

    async def _prepare_ahead(self, cell: Cell) -> None:
        """What the first start needs, while the client is on its way; what fails is told by the start."""
        async with cell.slot:
            if cell.record.state.status is not Status.CREATED or cell.preparation is not None:
                return
            if joins(cell.record.host) or cell.record.links:
                return  # theirs must run first
            if self._room.outside.sandboxes.plugged(cell.record):
                return
            try:
                cell.preparation = await prepare(cell, self._room.outside)
            except (Refusal, OSError) as error:
                log.debug("container %s: preparing ahead: %s", cell.id, error)

    async def _bring_back(self) -> None:
        """What the daemon's start means for each container, and for what is nobody's."""
        if not self._room.booted:
            self._room.booted = True
            alive = [cell.id for cell in self._room.registry if cell.running or cell.starting]
            self._room.outside.holder.retain(alive)
            order = BootOrder(cell.record for cell in self._room.registry)
            async with trio.open_nursery() as nursery:
                for cell in self._room.registry:
                    nursery.start_soon(self._boot, cell, order)
        await self._sweep()
        await trio.sleep(LATE)
        await self._sweep()

    async def _sweep(self) -> None:
        while True:
            try:
                await self._nursery.sweep()
                return
            except EngineError as error:
                log.info("sweeping waits: %s", error)
                await trio.sleep(1)

    async def _take_up(self) -> None:
        """Every container with something unfinished gets its operator, which begins by reconciling."""
        unfinished = self._room.expect_unfinished()
        async with trio.open_nursery() as nursery:
            for cell in unfinished:
                nursery.start_soon(self._look_at, cell)

    async def _look_at(self, cell: Cell) -> None:
        with self._room.restoring.looking_at(cell.id):
            await self._nursery.supervise(cell)

    async def _boot(self, cell: Cell, order: BootOrder) -> None:
        """Row D3: without live restore a container that outlived the daemon is stopped; then policies
        rule, and start first who is needed by others (D6)."""
        outside = self._room.outside
        try:
            if cell.record.state.alive and not outside.settings.live_restore:
                await self._stop_survivor(cell)
            if policy.follows_boot(cell.record):
                await self._nursery.supervise(cell)
                await order.turn(cell.record)
                await cell.mailbox.ask(Again(boot=True))
        except Refusal as error:
            log.warning("container %s: starting it at the boot: %s", cell.id[:12], error)
        finally:
            order.done(cell.id)

    async def _stop_survivor(self, cell: Cell) -> None:
        try:
            await cell.mailbox.ask(Stop(unasked=True))
        except Refusal as error:
            log.warning("container %s: stopping it at the start: %s", cell.id[:12], error)

    async def _see_off(self) -> None:
        """Take the supervisors of removed containers out of the tree."""
        for name in self._nursery.names():
            if self._room.registry.by_short_id(name) is None:
                await self._nursery.dismiss(name)
        async for container_id in self._room.departures:
            await self._nursery.dismiss(cell_name(container_id))
