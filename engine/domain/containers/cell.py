"""One container alive in the daemon: its committed record, its mailbox, and what waits on it.

A cell is passive and outlives every service: an operator that crashes and starts again finds the
streams, the waiters and the record as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import trio

from engine.domain.containers.doorway import Doorway
from engine.domain.containers.messages import CellMessage
from engine.domain.containers.oci.plan import SpecPlan
from engine.domain.containers.policy import is_spent
from engine.domain.containers.records import Container, Status
from engine.domain.streams.session import ProcessStreams
from supervisors import Mailbox, Supervisor

if TYPE_CHECKING:
    from engine.domain.containers.health import Checkup
    from engine.domain.containers.prepare import Prepared


class ExitResult(msgspec.Struct, frozen=True):
    """What `wait` answers: the exit code, and the error of a start that failed."""

    exit_code: int
    error: str = ""


class Cell:
    """`preparation` is what create made ahead of the first start; `leftover` says that containerd still
    has the ended task, `create_in_doubt` that it was asked for one and has not answered; `told` is the
    record of a start whose event may be out, though it is not complete.
    `places_made` says that its root has places for its volumes though it has never run,
    `reason` is why the present run is being ended, where not by its user or itself, `ender` who asked for it,
    `commit_interrupted` that a former daemon has paused it for a commit."""

    def __init__(
        self, record: Container, streams: ProcessStreams, forget: Callable[[Cell], None]
    ) -> None:
        self.record = record
        self.mailbox: Mailbox[CellMessage] = Mailbox(f"container {record.id[:12]}", 256)
        self.slot = trio.Lock()
        self.doorway = Doorway()
        self.streams = streams
        self._forget = forget
        self.preparation: Prepared | None = None
        self.plan: SpecPlan | None = None
        self.leftover = False
        self.create_in_doubt = False
        self.starting = False
        self.told: Container | None = None
        self.restarting = False
        self.removing = False
        self.places_made = False
        self.commit_interrupted = False
        self.exec_ids: list[str] = []
        self.exits = 0
        self.last_exit = ExitResult(record.state.exit_code)
        self.removed = trio.Event()
        self._exit_lot = trio.lowlevel.ParkingLot()
        self.supervised = trio.Lock()
        self.checkup: Checkup | None = None
        self.reason = ""
        self.ender = ""
        self.supervisor: Supervisor | None = None

    @property
    def id(self) -> str:
        return self.record.id

    def ended(self, result: ExitResult) -> None:
        """Wake whoever waits for an exit: the run is over, or its start failed."""
        self.exits += 1
        self.last_exit = result
        self._exit_lot.unpark_all()

    async def exit_after(self, seen: int) -> ExitResult:
        """The result of the run that ends after `seen` exits, or of the last one once removed."""
        while self.exits == seen and not self.removed.is_set():
            await self._exit_lot.park()
        return self.last_exit

    @property
    def running(self) -> bool:
        """Also while it waits for its restart, as the API's Running has it."""
        return self.record.state.alive or self.record.state.status is Status.RESTARTING

    @property
    def unfinished(self) -> bool:
        """Is there something that an operator must see to, or may have missed?"""
        ending = self.record.state.status is Status.REMOVING or is_spent(self.record)
        return self.running or self.starting or self.leftover or ending

    def forget(self) -> None:
        """Removed for good: leave the room's memory and wake who waits for it."""
        self._forget(self)

    def gone(self) -> None:
        self.removed.set()
        self._exit_lot.unpark_all()
