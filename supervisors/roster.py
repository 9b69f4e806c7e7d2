"""The books of one supervisor: its children, their states, who is told of a change."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

import trio

from supervisors import order
from supervisors.child import Child
from supervisors.errors import BadTree, DuplicateChild, UnknownChild, describe
from supervisors.intensity import Intensity
from supervisors.spec import ChildSpec, Strategy
from supervisors.status import State

log = logging.getLogger("supervisors")

# Told the child's path ("root/containers/ID"), its new state and, for a crash, the error.
OnChange = Callable[[str, State, BaseException | None], None]


class Roster:
    """Who is there. Nothing here awaits, so what it says is always consistent."""

    def __init__(
        self, path: str, strategy: Strategy, intensity: Intensity, on_change: OnChange | None
    ) -> None:
        self.path = path
        self.strategy = strategy
        self.intensity = intensity
        self.on_change = on_change
        self.children: dict[str, Child] = {}
        self.changed = trio.lowlevel.ParkingLot()
        self._needed: Counter[str] = Counter()

    def get(self, name: str) -> Child:
        try:
            return self.children[name]
        except KeyError:
            raise UnknownChild(self.path, name) from None

    def holds(self, child: Child) -> bool:
        """Is it still the child of that name, and not on its way out?"""
        return not child.doomed and self.children.get(child.spec.name) is child

    def needs(self, name: str) -> bool:
        """Does another child depend on it?"""
        return self._needed[name] > 0

    def path_of(self, child: Child) -> str:
        return f"{self.path}/{child.spec.name}"

    def enlist(self, spec: ChildSpec, *, dynamic: bool) -> Child:
        # A child that may be quarantined has an allowance of its own.
        child = Child(
            spec,
            dynamic=dynamic,
            intensity=self.intensity.fresh() if spec.quarantine else self.intensity,
        )
        self.children[spec.name] = child
        for need in spec.depends_on:
            self._needed[need] += 1
        return child

    def admit(self, spec: ChildSpec) -> Child:
        """Enlist one that comes at run time. Raises DuplicateChild, BadTree."""
        if spec.name in self.children:
            raise DuplicateChild(self.path, spec.name)
        for need in spec.depends_on:
            if need not in self.children:
                raise BadTree(f"{spec.name} depends on {need}, which is not there")
        child = self.enlist(spec, dynamic=True)
        self.set(child, "starting")
        return child

    def down_need(self, spec: ChildSpec) -> str | None:
        """One of those it depends on that does not run; None when all do."""
        down = (need for need in spec.depends_on if self.get(need).state != "running")
        return next(down, None)

    def drop(self, child: Child) -> None:
        """Forget it."""
        if self.children.get(child.spec.name) is child:
            del self.children[child.spec.name]
            for need in child.spec.depends_on:
                self._needed[need] -= 1

    def retire(self, child: Child, state: State, error: BaseException | None = None) -> None:
        """It won't come back by itself: nobody shall wait for it, nothing of it is kept."""
        child.incarnation = None
        for mailbox in child.spec.mailboxes:
            mailbox.suspend(f"it is {state}")
        self.set(child, state, error)

    def set(self, child: Child, state: State, error: BaseException | None = None) -> None:
        if child.state == state and error is None:
            return
        if error is not None:
            child.last_error = describe(error)
        child.state = state
        child.since = time.time()
        self.changed.unpark_all()
        if self.on_change is not None:
            try:
                self.on_change(self.path_of(child), state, error)
            except Exception:
                log.exception("the listener to changes of %s failed", self.path)

    def group(self, child: Child) -> dict[str, Child]:
        """Whom a restart of the child takes along: itself, and those of its group to be up."""
        names = {child.spec.name}
        if self.strategy is Strategy.ONE_FOR_ALL:
            names |= self.children.keys()
        elif self.strategy is Strategy.REST_FOR_ONE:
            names |= order.dependents(child.spec.name, (c.spec for c in self.children.values()))
        return {
            name: member
            for name, member in self.children.items()
            if name in names and (member is child or (member.wanted and not member.waits))
        }
