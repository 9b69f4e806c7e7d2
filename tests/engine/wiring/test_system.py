from __future__ import annotations

from pathlib import Path

from engine.errors import Unavailable
from engine.wiring.system import make_system
from tests.engine.test_daemon import close, engine_of


async def test_what_is_away_is_told_as_nothing(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, containerd="embedded")

    async def away() -> tuple[str, str]:
        raise Unavailable("containerd is away")

    engine.containerd.version = away  # type: ignore[method-assign]
    info = await make_system(engine).info()
    assert (info.images, info.containerd_commit.id) == (0, "")
    assert info.id == engine.engine_id
    close(engine)
