"""A child as data: what to run, when to restart it, what it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import trio

from supervisors.mailbox import AnyMailbox


class Restart(Enum):
    """When an ended child is started again."""

    PERMANENT = "permanent"  # always; also a return that nobody asked for is a crash
    TRANSIENT = "transient"  # after an error
    TEMPORARY = "temporary"  # never


class Strategy(Enum):
    """Who else is restarted with a child that crashed."""

    ONE_FOR_ONE = "one-for-one"
    REST_FOR_ONE = "rest-for-one"  # all that depend on it, directly or not
    ONE_FOR_ALL = "one-for-all"


class Service(Protocol):
    """Something to supervise. One object is one incarnation."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Work; say `task_status.started()` when mail is accepted; return when done."""

    async def stop(self) -> None:
        """Be asked to stop: run() must return by itself, or it is cancelled after the grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A recipe: `factory` makes a fresh service for every start.

    `grace` and `start_timeout` are in seconds. For a nested supervisor the grace is only when it
    is cancelled rather than asked; it takes its own children's graces to come down.
    `mailboxes` are shown in the status, and refuse mail once the child will not come back by
    itself. With `quarantine`, a child that gives up (a nested supervisor past its intensity, or
    a service that crashes more often than its supervisor allows) is kept and shown, and counts
    not against the supervisor. A running service that takes no mail for `patience` seconds while
    some waits is frozen: it is cut off, which is a crash like any other.
    """

    name: str
    factory: Callable[[], Service]
    restart: Restart = Restart.PERMANENT
    grace: float = 5.0
    start_timeout: float | None = 60.0
    depends_on: tuple[str, ...] = ()
    mailboxes: tuple[AnyMailbox, ...] = ()
    quarantine: bool = False
    patience: float = 120.0
