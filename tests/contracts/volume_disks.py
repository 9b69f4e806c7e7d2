"""What the volumes room relies on in its disk; the fake and the host both pass it.

`put` writes a file into a volume and `files` reads its names, in the disk's own way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from engine.domain.volumes.ports import Survey
from engine.errors import SystemFailure


@dataclass
class Bench:
    disk: Any
    put: Callable[[str, str, bytes], None]
    files: Callable[[str], set[str]]


Check = Callable[[Bench], Awaitable[None]]


async def making_twice_keeps_the_content(bench: Bench) -> None:
    await bench.disk.make("vol")
    assert await bench.disk.is_empty("vol")
    bench.put("vol", "f", b"12345")
    await bench.disk.make("vol")
    assert not await bench.disk.is_empty("vol")
    assert await bench.disk.size("vol") == 5
    assert await bench.disk.survey() == Survey(present=frozenset({"vol"}))
    assert bench.disk.mountpoint("vol").endswith("/vol/_data")


async def stowed_volume_is_gone_and_comes_back_whole(bench: Bench) -> None:
    await bench.disk.make("vol")
    bench.put("vol", "f", b"x")
    await bench.disk.stow("vol")
    assert await bench.disk.survey() == Survey(stowed=frozenset({"vol"}))
    await bench.disk.bring_back("vol")
    assert await bench.disk.survey() == Survey(present=frozenset({"vol"}))
    assert bench.files("vol") == {"f"}


async def discarding_may_be_repeated(bench: Bench) -> None:
    await bench.disk.make("vol")
    await bench.disk.stow("vol")
    await bench.disk.discard("vol")
    await bench.disk.discard("vol")
    assert await bench.disk.survey() == Survey()


async def name_may_be_removed_again_before_the_first_is_discarded(bench: Bench) -> None:
    await bench.disk.make("vol")
    bench.put("vol", "old", b"x")
    await bench.disk.stow("vol")
    await bench.disk.make("vol")
    bench.put("vol", "new", b"x")
    await bench.disk.stow("vol")
    await bench.disk.bring_back("vol")
    assert bench.files("vol") == {"new"}


async def volume_that_is_not_there_is_a_failure_to_look_into(bench: Bench) -> None:
    with pytest.raises(SystemFailure, match="no such file or directory"):
        await bench.disk.size("vol")
    with pytest.raises(SystemFailure, match="no such file or directory"):
        await bench.disk.is_empty("vol")


async def mounted_volume_is_not_put_away(bench: Bench) -> None:
    await bench.disk.make("vol")
    await bench.disk.mount("vol", {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
    assert (await bench.disk.survey()).mounted == {"vol"}
    with pytest.raises(SystemFailure, match="device or resource busy"):
        await bench.disk.stow("vol")
    await bench.disk.unmount("vol")
    await bench.disk.unmount("vol")
    await bench.disk.stow("vol")
    assert await bench.disk.survey() == Survey(stowed=frozenset({"vol"}))


CHECKS: tuple[Check, ...] = (
    making_twice_keeps_the_content,
    stowed_volume_is_gone_and_comes_back_whole,
    discarding_may_be_repeated,
    name_may_be_removed_again_before_the_first_is_discarded,
    volume_that_is_not_there_is_a_failure_to_look_into,
    mounted_volume_is_not_put_away,
)
