from __future__ import annotations

from typing import Any

from engine.errors import Unavailable
from engine.wiring.system import system_room
from tests.engine.domain.system.test_facade import system
from tests.fakes.host import FACTS


class Away:
    """Rooms and a containerd that have nothing to say."""

    listeners = 3
    tallies = None

    def counts(self) -> tuple[int, int, int]:
        return 1, 2, 3

    def everything(self) -> list[Any]:
        raise Unavailable("not there yet")

    async def version(self) -> tuple[str, str]:
        raise Unavailable("away")


async def test_info_is_told_whoever_is_away() -> None:
    away: Any = Away()
    info = await system_room(system().identity, FACTS, (away, away, away, away)).info()
    assert (info.images, info.containers, info.n_events_listener) == (0, 6, 3)
    assert info.containerd_commit.id == ""
