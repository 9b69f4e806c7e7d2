"""What the daemon does at a signal: stop, reload, show its tasks."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from engine.models.reload import ReloadReport

log = logging.getLogger("trimarand")

FORCING = 3
"""The interrupt that no longer waits."""
QUIT_STATUS = 131

Received = tuple[signal.Signals, ...]
SIGNALS: Received = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGQUIT,
)


class Obedient(Protocol):
    """What the signals act on."""

    async def stop(self) -> None: ...
    async def reload(self) -> ReloadReport: ...
    async def upgrade(self) -> None: ...
    async def write_stacks(self) -> None: ...
    def show_stacks(self) -> None: ...


async def obey_signals(
    engine: Obedient, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """TERM and INT stop in order, the third one forces the end; HUP reloads; USR2 hands over to a new
    program; USR1 writes the tasks'
    stacks to a file, QUIT shows them and ends."""
    with trio.open_signal_receiver(*SIGNALS) as received:
        task_status.started()
        async with trio.open_nursery() as nursery:
            count = 0
            async for number in received:
                log.info("Processing signal '%s'", signal.strsignal(number))
                if number == signal.SIGHUP:
                    nursery.start_soon(_guarded, engine.reload)
                elif number == signal.SIGUSR1:
                    nursery.start_soon(_guarded, engine.write_stacks)
                elif number == signal.SIGUSR2:
                    nursery.start_soon(_guarded, engine.upgrade)
                elif number == signal.SIGQUIT:
                    engine.show_stacks()
                    os._exit(QUIT_STATUS)
                else:
                    count += 1
                    _interrupt(nursery, engine, number, count)


def _interrupt(nursery: trio.Nursery, engine: Obedient, number: int, count: int) -> None:
    if count == 1:
        nursery.start_soon(engine.stop)
    elif count >= FORCING:
        log.critical(
            "Forcing docker daemon shutdown without cleanup: %d interrupts received", count
        )
        os._exit(128 + number)


async def _guarded(action: Callable[[], Awaitable[object]]) -> None:
    """A failing answer to a signal must not end the daemon."""
    try:
        await action()
    except Exception:
        log.exception("a signal could not be answered")
