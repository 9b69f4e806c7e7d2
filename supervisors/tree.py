"""The supervisor: starts children in order, restarts them, takes them down in reverse.

There is no lock around add and remove. Whether a child may be started is decided and acted upon
without an await in between (`_spawn`), a removed child is marked before it is stopped, and so no
restart can revive it, and no slow start holds up its removal. Only restarts take turns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import trio

from supervisors import frost, order
from supervisors.child import Child, Incarnation
from supervisors.errors import (
    ChildInUse,
    IntensityExceeded,
    ServiceStopped,
    UnexpectedEnd,
    UnknownChild,
    describe,
)
from supervisors.intensity import Intensity
from supervisors.roster import OnChange, Roster
from supervisors.spec import ChildSpec, Restart, Service, Strategy
from supervisors.status import Node, State

log = logging.getLogger("supervisors")

Failures = dict[str, Exception]


class Supervisor:
    """A service that keeps other services running.

    More than `max_restarts` restarts within `period` seconds end it with IntensityExceeded.
    Nested ones inherit `on_change`. It can be run again after it has ended; children that were
    added at run time are then gone.
    """

    def __init__(
        self,
        name: str,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int = 3,
        period: float = 300.0,
        on_change: OnChange | None = None,
    ) -> None:
        self.name = name
        self._intensity = Intensity(max_restarts, period)
        self._roster = Roster(name, strategy, self._intensity, on_change)
        self._lock = trio.Lock()
        self._nursery: trio.Nursery | None = None
        self._starting = trio.CancelScope()
        self._over = trio.Event()
        self._failure: Exception | None = None
        self._restarts = 0
        self._last_error: str | None = None
        self._state: State = "stopped"
        self._since = time.time()
        specs = tuple(children)
        order.check(specs)
        for spec in specs:
            self._roster.enlist(spec, dynamic=False)

    @property
    def path(self) -> str:
        """Its place in the whole tree, "root/containers"."""
        return self._roster.path

    # Its own life

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start all, stay until stopped, cancelled or beaten, stop all in reverse.

        Raises IntensityExceeded, or the error of a child that failed in the first start.
        """
        self._begin()
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    await self._start_all()
                    if not self._over.is_set():
                        self._become("running")
                        task_status.started()
                        async with trio.open_nursery() as watching:
                            watching.start_soon(frost.watch, self._roster.children.values)
                            await self._over.wait()
                            watching.cancel_scope.cancel()
                finally:
                    self._end()
                    self._become("stopping")
                    # The only way down: the children's scopes are shielded against the nursery's.
                    with trio.CancelScope(shield=True):
                        await self._take_down(dict(self._roster.children), "stopped")
        finally:
            self._clear()
            self._become("failed" if self._failure else "stopped")
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        self._end()

    def _begin(self) -> None:
        if self._nursery is not None:
            raise RuntimeError(f"supervisor {self.path} runs already")
        self._over = trio.Event()
        self._starting = trio.CancelScope()
        self._failure = None
        self._intensity.reset()
        self._become("starting")

    def _end(self, failure: Exception | None = None) -> None:
        if not self._over.is_set():
            self._failure = failure
            self._over.set()
            self._starting.cancel()

    def _clear(self) -> None:
        self._nursery = None
        for child in tuple(self._roster.children.values()):
            child.incarnation = None
            if child.dynamic:
                self._roster.drop(child)
                self._roster.retire(child, child.state)

    def _become(self, state: State) -> None:
        self._state = state
        self._since = time.time()
        self._roster.changed.unpark_all()

    # What others may do and ask

    async def add(self, spec: ChildSpec) -> None:
        """Start one more child, once those it depends on run. A start that fails is undone.

        Raises DuplicateChild, BadTree (an unknown dependency), ServiceStopped, or what the
        child's start raised.
        """
        self._check_running()
        child = self._roster.admit(spec)
        try:
            while down := self._roster.down_need(spec):
                await self.wait_running(down)
            await self._bring_up(child)
        except BaseException:
            await self._evict(child)
            raise

    async def remove(self, name: str) -> None:
        """Stop a child and forget it; not to be cut short. Raises UnknownChild, ChildInUse."""
        child = self._roster.get(name)
        if self._roster.needs(name):
            raise ChildInUse(self.path, name)
        await self._evict(child)

    async def restart(self, name: str) -> None:
        """Restart a child, and with it whom the strategy says; revives a quarantined one too.

        Raises UnknownChild, ServiceStopped, or what the start raised: it then counts as a crash
        and is tried again. It runs to its end though the caller be cancelled.
        """
        child = self._roster.get(name)
        nursery = self._check_running()
        if self._state != "running":
            raise ServiceStopped(self.path, f"it is {self._state}")
        if child.state == "starting":
            return await self.wait_running(name)
        if child.spec.quarantine:
            child.intensity.reset()
        # Stands unless the restart comes to its end.
        failures: Failures = {name: ServiceStopped(self.path, "it is stopping")}
        done = trio.Event()
        nursery.start_soon(self._restart, child, failures, done)
        await done.wait()
        if name in failures:
            raise failures[name]
        return None

    async def wait_running(self, name: str) -> None:
        """Wait until the child runs. Raises UnknownChild, or ServiceStopped when it won't."""
        while (child := self._roster.get(name)).state != "running":
            if self._over.is_set() or not child.wanted:
                raise ServiceStopped(self._roster.path_of(child), f"it is {child.state}")
            await self._roster.changed.park()

    def names(self) -> tuple[str, ...]:
        return tuple(self._roster.children)

    def child(self, name: str) -> Service | None:
        """The child's present incarnation, None between two. Raises UnknownChild."""
        incarnation = self._roster.get(name).incarnation
        return None if incarnation is None or incarnation.ended.is_set() else incarnation.service

    def status(self) -> Node:
        """The tree as it is now, all of it at the same moment."""
        return Node(
            name=self.name,
            state=self._state,
            since=self._since,
            restarts=self._restarts,
            last_error=self._last_error,
            children=tuple(c.node(_children_of(c)) for c in self._roster.children.values()),
        )

    # Up and down

    def _check_running(self) -> trio.Nursery:
        if self._nursery is None or self._over.is_set():
            raise ServiceStopped(self.path, "it is not running")
        return self._nursery

    async def _start_all(self) -> None:
        roster = self._roster

        async def visit(name: str) -> bool:
            child = roster.children.get(name)
            if child is None or not roster.holds(child):
                return True
            try:
                await self._bring_up(child)
            except Exception as error:  # noqa: BLE001 (raised by run, when all is undone)
                if not roster.holds(child):
                    return True
                error.add_note(f"while {roster.path_of(child)} started")
                self._last_error = describe(error)
                roster.set(child, "failed", error)
                self._end(error)
                return False
            return True

        with self._starting:
            await order.walk(order.start_order(c.spec for c in roster.children.values()), visit)

    def _spawn(self, child: Child) -> Incarnation:
        nursery = self._check_running()
        path = self._roster.path_of(child)
        if not self._roster.holds(child):
            raise ServiceStopped(path, "it was removed")
        service = child.spec.factory()
        if isinstance(service, Supervisor):
            service._roster.path = path
            service._roster.on_change = service._roster.on_change or self._roster.on_change
        child.incarnation = incarnation = Incarnation(
            path,
            service,
            lambda: self._roster.set(child, "running"),
            lambda ended: self._ended(child, ended),
        )
        nursery.start_soon(incarnation.live, name=path)
        return incarnation

    async def _bring_up(self, child: Child) -> None:
        """Start it and wait until it has. Raises what kept it from starting."""
        if child.state != "restarting":
            self._roster.set(child, "starting")
        await self._spawn(child).wait_started(child.spec.start_timeout)

    async def _halt(self, child: Child) -> None:
        incarnation = child.incarnation
        if incarnation is not None and not incarnation.ended.is_set():
            self._roster.set(child, "stopping")
            await incarnation.halt(child.spec.grace)

    async def _evict(self, child: Child) -> None:
        child.doomed = True
        await self._halt(child)
        self._roster.drop(child)
        self._roster.retire(child, "stopped")

    async def _take_down(self, members: dict[str, Child], then: State) -> None:
        async def visit(name: str) -> bool:
            child = members[name]
            await self._halt(child)
            if not child.doomed and (child.state == "stopping" or child.wanted):
                self._roster.set(child, then)
            return True

        await order.walk(order.stop_order(c.spec for c in members.values()), visit)

    # Crashes and restarts

    def _ended(self, child: Child, incarnation: Incarnation) -> None:
        """Called by the incarnation at its end, whatever the reason."""
        if incarnation.stopping:
            if incarnation.error is not None:
                log.error(
                    "%s failed while it stopped", incarnation.name, exc_info=incarnation.error
                )
                child.last_error = describe(incarnation.error)
        elif incarnation.has_started:  # else who waits for its start sees to it
            error, incarnation.error = incarnation.error, None
            if error is None and child.spec.restart is not Restart.PERMANENT:
                self._finished(child, "stopped", None)
            else:
                self._crashed(child, error or UnexpectedEnd(incarnation.name))

    def _finished(self, child: Child, state: State, error: BaseException | None) -> None:
        if child.dynamic and state != "quarantined":
            self._roster.drop(child)
        self._roster.retire(child, state, error)

    def _crashed(self, child: Child, error: Exception) -> None:
        log.error("%s crashed", self._roster.path_of(child), exc_info=error)
        self._last_error = describe(error)
        spec = child.spec
        if spec.restart is Restart.TEMPORARY:
            self._finished(child, "failed", error)
        elif self._nursery is None or self._over.is_set() or child.doomed:
            self._roster.set(child, "failed", error)
        elif spec.quarantine and isinstance(error, IntensityExceeded):
            self._finished(child, "quarantined", error)
        elif not child.intensity.allows(trio.current_time()):
            self._give_up(child, error)
        elif self._state == "starting" and self._roster.strategy is not Strategy.ONE_FOR_ONE:
            # A group that is not yet complete can't be restarted as one.
            self._roster.set(child, "failed", error)
            self._end(error)
        else:
            self._roster.set(child, "restarting", error)
            self._nursery.start_soon(self._recover, child, child.incarnation)

    def _give_up(self, child: Child, error: Exception) -> None:
        if child.spec.quarantine:
            self._finished(child, "quarantined", error)
            return
        self._roster.set(child, "failed", error)
        failure = IntensityExceeded(self.path, error)
        failure.__cause__ = error
        self._end(failure)

    def _turn(self, child: Child) -> trio.Lock:
        return child.lock if self._roster.strategy is Strategy.ONE_FOR_ONE else self._lock

    async def _recover(self, child: Child, crashed: Incarnation | None) -> None:
        async with self._turn(child):
            # While we waited, another's restart may have brought it up again.
            if child.incarnation is crashed and child.wanted:
                await self._cycle(child)

    async def _restart(self, child: Child, failures: Failures, done: trio.Event) -> None:
        try:
            async with self._turn(child):
                outcome = await self._cycle(child) if self._roster.holds(child) else {}
            if not self._roster.holds(child):
                outcome[child.spec.name] = UnknownChild(self.path, child.spec.name)
            failures.clear()
            failures |= outcome
        finally:
            done.set()

    async def _cycle(self, child: Child) -> Failures:
        """Stop the child's group and start it again. Failed starts are crashes of their own."""
        group = self._roster.group(child)
        await self._take_down(group, "restarting")
        for name, member in tuple(group.items()):
            if member is not child and member.spec.restart is Restart.TEMPORARY:
                del group[name]
                if not member.doomed:
                    self._finished(member, "stopped", None)
        if self._roster.holds(child):
            self._roster.set(child, "restarting")
        self._restarts += 1
        failures: Failures = {}

        async def visit(name: str) -> bool:
            return not group[name].wanted or await self._revive(group[name], failures)

        await order.walk(order.start_order(c.spec for c in group.values()), visit)
        return failures

    async def _revive(self, child: Child, failures: Failures) -> bool:
        """Start it again. False bars those that depend on it: it will be tried again."""
        child.restarts += 1
        try:
            await self._bring_up(child)
        except Exception as error:  # noqa: BLE001 (judged as a crash)
            failures[child.spec.name] = error
            if self._over.is_set():
                return False
            if self._roster.holds(child):
                self._crashed(child, error)
            return not child.wanted
        return True


def _children_of(child: Child) -> tuple[Node, ...]:
    service = child.incarnation and child.incarnation.service
    return service.status().children if isinstance(service, Supervisor) else ()
