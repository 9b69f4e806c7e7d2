from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from engine.domain.images.together import together
from engine.errors import Conflict, NotFound


async def fail(error: Exception) -> None:
    raise error


async def run(task: Callable[..., Awaitable[object]], *arguments: object) -> None:
    """Beside a task that never ends by itself."""
    async with together() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(task, *arguments)


async def break_down_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise KeyError("bug")


async def test_refusal_comes_without_a_group_and_ends_the_others() -> None:
    with pytest.raises(NotFound, match="one"):
        await run(fail, NotFound("one"))


async def test_nested_refusals_are_looked_through() -> None:
    with pytest.raises(Conflict, match="deep"):
        async with together() as nursery:
            nursery.start_soon(fail, ExceptionGroup("", [Conflict("deep")]))


async def test_bug_beside_a_refusal_is_not_hidden() -> None:
    with pytest.RaisesGroup(NotFound, KeyError):
        async with together() as nursery:
            nursery.start_soon(fail, NotFound("one"))
            nursery.start_soon(break_down_when_cancelled)
