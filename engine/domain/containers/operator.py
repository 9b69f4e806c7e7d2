"""The operator: one container's changes, each running to its end, one at a time where they touch it.

It takes a container's mail. The effectful part of each change holds the cell's slot; waiting for an
exit does not, so that a kill passes a stop that is still patient.
"""

from __future__ import annotations

import logging

import trio

from engine.domain.containers import (
    causes,
    connecting,
    exit,
    pause,
    policy,
    relink,
    remove,
    rules,
    start,
)
from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import (
    Again,
    CellMessage,
    Connect,
    Disconnect,
    Exited,
    Kill,
    OutOfMemory,
    Pause,
    Reconcile,
    Remove,
    Rename,
    Resize,
    Restart,
    Start,
    Stop,
    Unhealthy,
    Unlink,
    Unpause,
    Update,
)
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.reconcile import AWAY, put_off_restart, reconcile
from engine.domain.containers.records import Status
from engine.domain.containers.rename import rename
from engine.domain.containers.stop import end_unhealthy, kill, stop
from engine.domain.containers.update import update
from engine.domain.events.facade import Batch
from engine.errors import Conflict
from supervisors import Letter, Refusal, Worker

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds between two tries at what an outage keeps from being finished."""


class Operator(Worker):
    """A fresh one first reconciles: whatever the last one left half-done is finished or undone."""

    _nursery: trio.Nursery

    def __init__(self, cell: Cell, outside: Outside) -> None:
        self._cell = cell
        self._outside = outside
        self._asks_again = False

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        with self._cell.mailbox.open() as inbox:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await self._reconcile()
                nursery.start_soon(self._remove_spent)
                task_status.started()
                async for letter in inbox:
                    nursery.start_soon(self._answer, letter)

    async def _answer(self, letter: Letter[CellMessage]) -> None:
        with letter.handling():
            message = letter.message
            if isinstance(message, Update):
                letter.reply(await update(self._cell, self._outside, message.request))
            else:
                await self._do(message)

    async def _do(self, message: CellMessage) -> None:
        cell, outside = self._cell, self._outside
        match message:
            case Start(checkpoint):
                await self._start(checkpoint)
            case Again(boot):
                await self._again(boot=boot)
            case Unhealthy(generation):
                await end_unhealthy(cell, outside, generation)
            case Stop(timeout, signal, unasked, by):
                cell.ender = causes.SHUTDOWN if unasked else causes.asked(by)
                await stop(cell, outside, timeout=timeout, signal=signal, asked=not unasked)
            case Restart(timeout, signal, by):
                cell.ender = causes.asked(by)
                await self._restart(timeout, signal)
            case Kill(signal, by):
                if rules.ends(cell.record, signal):
                    cell.ender = causes.asked(by)
                await kill(cell, outside, signal)
            case Remove(force, volumes, by):
                cell.ender = causes.asked(by) if force else cell.ender
                await self._remove(force=force, volumes=volumes)
            case Exited():
                await self._exited(message)
            case OutOfMemory():
                cell.record = cell.record.with_state(oom_killed=True)
                await outside.emit(cell.record, "oom")
            case Resize(height, width):
                await self._resize(height, width)
            case Connect(network, settings):
                async with cell.slot:
                    await connecting.connect(cell, outside, network, settings)
            case Disconnect(network):
                async with cell.slot:
                    await connecting.disconnect(cell, outside, network)
            case Pause():
                await pause.pause(cell, outside)
            case Unpause():
                await pause.unpause(cell, outside)
            case Unlink(alias):
                await relink.unlink(cell, outside, alias)
            case Rename(name):
                await rename(cell, outside, name)
            case Reconcile():
                await self._reconcile()
                await self._remove_spent()

    async def _reconcile(self) -> None:
        async with self._cell.slot:
            concluded = await reconcile(self._cell, self._outside)
        if not concluded:
            self._ask_again()

    async def _remove(self, *, force: bool, volumes: bool) -> None:
        try:
            await remove.remove(self._cell, self._outside, force=force, volumes=volumes)
        except AWAY:
            self._ask_again()
            raise

    def _ask_again(self) -> None:
        """What could not be finished now is taken up again, until it is."""
        if not self._asks_again:
            self._asks_again = True
            self._nursery.start_soon(self._wait_and_reconcile)

    async def _wait_and_reconcile(self) -> None:
        await trio.sleep(PATIENCE)
        self._asks_again = False
        self._cell.mailbox.offer(Reconcile())

    async def _start(self, checkpoint: str = "") -> None:
        cell = self._cell
        try:
            async with cell.slot:
                self._try_now()
                rules.check_start(cell.record)
                cell.record = cell.record.with_state(restart_count=0, backoff_ms=0)
                await start.start(cell, self._outside, checkpoint=checkpoint)
        except Refusal:
            await self._remove_spent()
            raise

    def _try_now(self) -> None:
        """Who asks for a start does not wait for the next try of one that has failed."""
        state = self._cell.record.state
        if state.status is Status.RESTARTING and state.next_try_ns:
            self._outside.restarts.cancel(self._cell.id)
            before = Status.EXITED if state.generation else Status.CREATED
            self._cell.record = self._cell.record.with_state(status=before)

    async def _again(self, *, boot: bool) -> None:
        """The policy's restart. An outage puts it off, and so does what is not there yet; any other start
        that fails is not tried again (row 56)."""
        cell = self._cell
        async with cell.slot:
            status = cell.record.state.status
            if status is not Status.RESTARTING and not (boot and status is Status.EXITED):
                return
            cause = causes.of_start(cell.record, boot=boot)
            try:
                await start.start(cell, self._outside, cause)
            except Refusal as error:
                log.warning("container %s: its restart failed: %s", cell.id[:12], error)
                if cell.record.state.status is Status.RESTARTING:
                    put_off_restart(cell, self._outside)

    async def _exited(self, message: Exited) -> None:
        async with self._cell.slot:
            ended = await exit.exited(self._cell, self._outside, message)
        if not ended:
            return
        if not await self._remove_spent():
            async with self._cell.slot:
                if not self._cell.running:
                    await exit.settle(self._cell, self._outside)

    async def _remove_spent(self) -> bool:
        """Row 60's auto-remove, whichever way the run has ended, also while nobody looked."""
        cell = self._cell
        if cell.restarting or cell.removing or not policy.is_spent(cell.record):
            return False
        try:
            await remove.remove_spent(cell, self._outside)
        except AWAY as error:
            log.info("container %s: auto-remove waits: %s", cell.id[:12], error)
            self._ask_again()
        except Refusal as error:
            log.warning("container %s: auto-remove: %s", cell.id[:12], error)
        return True

    async def _restart(self, timeout: int | None, signal: int | None) -> None:
        cell, outside = self._cell, self._outside
        cell.restarting = True
        try:
            if cell.running:
                await stop(cell, outside, timeout=timeout, signal=signal)
            await self._start()
        finally:
            cell.restarting = False
        await outside.emit(cell.record, "restart")

    async def _resize(self, height: int, width: int) -> None:
        cell = self._cell
        if not cell.record.state.alive:
            raise Conflict(f"Container {cell.id} is not running")
        await self._outside.runtime.tasks.resize_pty(cell.id, "", width, height)
        extra = {"height": str(height), "width": str(width)}
        await self._outside.journal.commit(
            Batch(events=[event(cell.record, "resize", extra)], durable=False)
        )
