"""Steps of one change that wait for different parts of the machine, taken beside each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import outcome
import trio

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


async def beside(
    first: Callable[[], Awaitable[A]], second: Callable[[], Awaitable[B]]
) -> tuple[A, B]:
    """Both results. A step that fails lets the other one come to its end; then its error is raised, bare."""
    one: list[outcome.Maybe[A]] = []
    two: list[outcome.Maybe[B]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_capture, first, one)
        nursery.start_soon(_capture, second, two)
    return one[0].unwrap(), two[0].unwrap()


async def _capture(step: Callable[[], Awaitable[T]], ended: list[outcome.Maybe[T]]) -> None:
    ended.append(await outcome.acapture(step))
