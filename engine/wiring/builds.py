"""The builds room, put together of what the daemon has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.adapters.builds.fetching import HttpFetcher
from engine.adapters.builds.workshop import HostWorkshop
from engine.domain.builds.facade import Builds
from engine.domain.builds.leavings import INTENT

if TYPE_CHECKING:
    from engine.daemon import Engine


def make_builds(engine: Engine) -> Builds:
    return Builds(
        images=engine.images,
        containers=engine.containers,
        workshop=HostWorkshop(
            engine.data.path / "tmp",
            engine.exec_root / "mnt",
            snapshotter=engine.choices.snapshotter,
        ),
        fetcher=HttpFetcher(),
        journal=engine.journal,
        open_intents=tuple(each.subject for each in engine.database.intents(INTENT)),
        experimental=engine.settings.experimental,
    )
