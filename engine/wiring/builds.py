"""The builds room, put together of what the daemon has, and the buildkitd beside it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.adapters.buildkit.door import BuildKitDoor
from engine.adapters.buildkit.process import STOP_GRACE, BuildKitProcess, Need
from engine.adapters.buildkit.settings import PROGRAM, Places, render
from engine.adapters.builds.fetching import HttpFetcher
from engine.adapters.builds.workshop import HostWorkshop
from engine.domain.builds.facade import Builds
from engine.domain.builds.leavings import INTENT
from engine.wiring.storage import disk_reserve
from supervisors import ChildSpec

if TYPE_CHECKING:
    from engine.daemon import Engine

GRACE = 2 * STOP_GRACE + 5


def make_buildkit(engine: Engine) -> BuildKitDoor:
    """The door to a buildkitd, which is looked for now: without one it stays shut."""
    places = Places(engine.data.path / "buildkitd", engine.exec_root / "buildkitd")
    return BuildKitDoor(
        Need(places),
        lambda: engine.settings.features.get("buildkit", True),
        found=shutil.which(PROGRAM) is not None,
    )


def build_services(engine: Engine) -> Sequence[ChildSpec]:
    """The room's own, and a buildkitd where there is one."""
    builds = ChildSpec(
        name="builds", factory=engine.builds.service, depends_on=("images", "containers")
    )
    if not engine.buildkit.found:
        return (builds,)
    return (builds, ChildSpec(name="buildkit", factory=lambda: _buildkitd(engine), grace=GRACE))


def _buildkitd(engine: Engine) -> BuildKitProcess:
    need, choices = engine.buildkit.need, engine.choices
    config = render(
        need.places,
        containerd=engine.address,
        namespace=f"{choices.namespace}-buildkit",
        snapshotter=choices.snapshotter,
    )
    return BuildKitProcess(need, config)


def make_builds(engine: Engine) -> Builds:
    return Builds(
        images=engine.images,
        containers=engine.containers,
        workshop=HostWorkshop(
            engine.data.path / "tmp",
            engine.exec_root / "mnt",
            snapshotter=engine.choices.snapshotter,
            reserve=disk_reserve(engine.settings),
        ),
        fetcher=HttpFetcher(),
        journal=engine.journal,
        open_intents=tuple(each.subject for each in engine.database.intents(INTENT)),
        experimental=engine.settings.experimental,
        buildkit=engine.buildkit,
    )
