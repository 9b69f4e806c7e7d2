"""An audience: subscribers who want the same events in the same form, and have had all there were.

One of them hears the bus for all: it makes the bytes of what is new once, and gives them to a few others in
each round of the loop, without a task of theirs being woken. Who cannot take them at once leaves with its
position, and goes on alone (see bus) until it is back at the newest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from engine.domain.events.bus import EventBus
from engine.domain.events.filters import EventFilter
from engine.domain.events.records import Event

STRIDE = 8
"""Members that are told before other tasks have their turn: some 80 µs."""

Form = Callable[[Sequence[Event]], bytes]


class Outlet(Protocol):
    """Where a member's bytes go."""

    def ready(self, count: int) -> bool:
        """Can it take so many events now?"""

    def offer(self, data: bytes, count: int) -> bool:
        """Write without waiting. False: something is left, which `flush` writes."""

    async def flush(self) -> None:
        """Write what an offer has left. Raises, or cancels its task, when the client has gone."""


class Member:
    """One that attends. `joined` is the number of the newest event that it had by then."""

    __slots__ = ("alone_from", "called", "joined", "outlet")

    def __init__(self, outlet: Outlet, joined: int) -> None:
        self.outlet = outlet
        self.joined = joined
        self.alone_from: int | None = None
        self.called = trio.Event()


class Audience:
    """Loop-bound. The task of one member leads, for as long as that member is there; then another one does."""

    def __init__(self, bus: EventBus, wanted: EventFilter, form: Form) -> None:
        self._bus = bus
        self._wanted = wanted
        self._form = form
        self._members: dict[Member, None] = {}
        self._led = False
        # What is being told, to whom still, and between which numbers it lies.
        self._before = self._position = 0
        self._data, self._count = b"", 0
        self._todo: deque[Member] = deque()

    async def attend(self, outlet: Outlet, position: int) -> int:
        """Be told what comes after `position`, for as long as the outlet takes it at once. The position to go
        on from alone: nothing is told when others are ahead of it already."""
        if not self._members:
            self._before = self._position = self._bus.head
        if position < self._position:
            return position
        member = Member(outlet, position)
        self._members[member] = None
        try:
            while member.alone_from is None:
                if self._led:
                    await member.called.wait()
                    member.called = trio.Event()
                else:
                    await self._lead(member)
        finally:
            self._members.pop(member, None)
            if not self._led:
                self._appoint()
        await outlet.flush()
        return member.alone_from

    def _appoint(self) -> None:
        """Somebody must lead. Who is called and goes instead calls the next one."""
        if self._members:
            next(iter(self._members)).called.set()

    async def _lead(self, leader: Member) -> None:
        self._led = True
        try:
            await self._tell()  # what the leader before has left
            while leader.alone_from is None:
                self._begin(await self._bus.next(self._position))
                await self._tell()
        finally:
            self._led = False

    def _begin(self, batch: Sequence[Event]) -> None:
        chosen = [event for event in batch if self._wanted.matches(event)]
        self._data, self._count = self._form(chosen) if chosen else b"", len(chosen)
        self._before, self._position = self._position, batch[-1].seq
        self._todo = deque(self._members)

    async def _tell(self) -> None:
        while self._todo:
            for _ in range(min(STRIDE, len(self._todo))):
                member = self._todo.popleft()
                if member in self._members:
                    self._tell_one(member)
            await trio.lowlevel.checkpoint()

    def _tell_one(self, member: Member) -> None:
        if member.joined >= self._position:
            return
        if member.joined > self._before:  # it has had a part of this
            self._dismiss(member, member.joined)
        elif not self._data:
            return
        elif not member.outlet.ready(self._count):
            self._dismiss(member, self._before)
        elif not member.outlet.offer(self._data, self._count):
            self._dismiss(member, self._position)

    def _dismiss(self, member: Member, position: int) -> None:
        del self._members[member]
        member.alone_from = position
        member.called.set()
