"""One child of a supervisor, and the life of one incarnation of it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import trio

from supervisors.errors import ServiceStopped, StartTimeout, UnexpectedEnd
from supervisors.intensity import Intensity
from supervisors.spec import ChildSpec, Service
from supervisors.status import Node, State

log = logging.getLogger("supervisors")


class Incarnation:
    """One run of one service object. It is the task_status that the service reports to."""

    __slots__ = (
        "_on_end",
        "_on_start",
        "began",
        "ended",
        "error",
        "has_started",
        "name",
        "scope",
        "service",
        "settled",
        "stopping",
    )

    def __init__(
        self,
        name: str,
        service: Service,
        on_start: Callable[[], None],
        on_end: Callable[[Incarnation], None],
    ) -> None:
        self.name = name
        self.service = service
        self.scope = trio.CancelScope()
        self.has_started = False
        self.stopping = False
        self.began = trio.current_time()
        self.error: Exception | None = None
        self.settled = trio.Event()  # it has started, or ended without
        self.ended = trio.Event()
        self._on_start = on_start
        self._on_end = on_end

    def started(self, value: None = None) -> None:  # noqa: ARG002 (trio.TaskStatus has it)
        """Said by the service. From here on only `halt` cancels it, not the nursery it is in."""
        if self.has_started:
            raise RuntimeError(f"{self.name} said started() twice")
        self.has_started = True
        self.began = trio.current_time()
        self.scope.shield = True
        self.settled.set()
        if not self.stopping:
            self._on_start()

    async def live(self) -> None:
        """Run the service to its end, and tell how it ended."""
        try:
            with self.scope:
                await self.service.run(task_status=self)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the supervisor's to judge)
            self.error = error
        finally:
            self.settled.set()
            self.ended.set()
        self._on_end(self)

    async def wait_started(self, timeout: float | None) -> None:
        """Wait for started(). Raise what kept it from that; a start given up is undone."""
        try:
            with trio.move_on_after(math.inf if timeout is None else timeout) as waiting:
                await self.settled.wait()
        finally:
            if not self.settled.is_set():
                await self.halt(0)
        if waiting.cancelled_caught:
            raise StartTimeout(self.name, timeout or 0)
        if self.has_started:
            return
        if self.error is not None:
            raise self.error
        if self.stopping:
            raise ServiceStopped(self.name, "it was stopped while it started")
        raise UnexpectedEnd(self.name)

    async def halt(self, grace: float) -> None:
        """Ask it, wait for the grace, cancel it. Returns when it has ended, and not before."""
        with trio.CancelScope(shield=True):
            if not self.stopping and not self.ended.is_set():
                self.stopping = True
                if self.has_started:
                    await self._ask(grace)
                self.scope.cancel()
            await self.ended.wait()

    def cut_off(self, error: Exception) -> None:
        """End it as crashed."""
        self.error = error
        self.scope.cancel()

    async def _ask(self, grace: float) -> None:
        with trio.move_on_after(grace) as patience:
            try:
                await self.service.stop()
            except Exception:
                log.exception("%s failed when asked to stop; it is cancelled", self.name)
                return
            await self.ended.wait()
        if patience.cancelled_caught:
            log.warning("%s did not stop within %g s; it is cancelled", self.name, grace)


class Child:
    """A spec and how it fares."""

    __slots__ = (
        "doomed",
        "dynamic",
        "incarnation",
        "intensity",
        "last_error",
        "lock",
        "restarts",
        "since",
        "spec",
        "state",
    )

    def __init__(self, spec: ChildSpec, *, dynamic: bool, intensity: Intensity) -> None:
        self.spec = spec
        self.dynamic = dynamic
        self.intensity = intensity
        self.lock = trio.Lock()
        self.incarnation: Incarnation | None = None
        self.doomed = False  # being removed: never to be started again
        self.restarts = 0
        self.last_error: str | None = None
        self.state: State = "stopped"
        self.since = time.time()

    @property
    def wanted(self) -> bool:
        """Is it up, coming up, or to be up again?"""
        return not self.doomed and self.state in ("starting", "running", "restarting")

    @property
    def waits(self) -> bool:
        """Was it added, and waits for those it depends on before its first start?"""
        return self.state == "starting" and self.incarnation is None

    def node(self, children: tuple[Node, ...]) -> Node:
        """What to show of it, with the children that its service has."""
        return Node(
            name=self.spec.name,
            state=self.state,
            since=self.since,
            restarts=self.restarts,
            last_error=self.last_error,
            mailboxes=tuple(mailbox.stats() for mailbox in self.spec.mailboxes),
            children=children,
        )
