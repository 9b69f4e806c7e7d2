"""Tasks that succeed or fail together: the first refusal ends the others and is what is raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from supervisors import Refusal

__all__ = ["together"]


@asynccontextmanager
async def together() -> AsyncIterator[trio.Nursery]:
    """A nursery; what is raised is not wrapped in a group when all of it are refusals."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        refusals, others = group.split(Refusal)
        if refusals is None or others is not None:
            raise
        raise _first(refusals) from None


def _first(group: BaseExceptionGroup[Refusal]) -> Refusal:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Refusal)
    return error
