"""Services that are frozen: they run, and their mail lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from supervisors.child import Child, Incarnation
from supervisors.errors import Frozen

LOOK_EVERY = 5.0


async def watch(children: Callable[[], Iterable[Child]]) -> None:
    """Cut off who has let its mail lie for longer than its patience.

    Two looks must agree: after a stop of the whole process the first one may come before anybody's turn.
    """
    suspects: set[Incarnation] = set()
    while True:
        await trio.sleep(LOOK_EVERY)
        found = {each: lain for child in children() for each, lain in frozen(child)}
        for incarnation in suspects & found.keys():
            incarnation.cut_off(Frozen(incarnation.name, found[incarnation]))
        suspects = set(found)


def frozen(child: Child) -> Iterable[tuple[Incarnation, float]]:
    """Its incarnation and the seconds that its mail has lain, if those are too many for it."""
    incarnation = child.incarnation
    if incarnation is None or incarnation.stopping or child.state != "running":
        return
    lain = max((each.neglected for each in child.spec.mailboxes), default=0.0)
    lain = min(lain, trio.current_time() - incarnation.began)  # a fresh one has all of its patience
    if lain > child.spec.patience:
        yield incarnation, lain
