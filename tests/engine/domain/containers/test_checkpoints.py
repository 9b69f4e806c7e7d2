from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers.checkpoints import Checkpoints
from engine.errors import (
    Conflict,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotImplementedHere,
    SystemFailure,
)
from engine.models.containers import CheckpointRequest
from tests.engine.domain.containers.rooms import Daemon, running


async def names(daemon: Daemon) -> list[str]:
    return [each.name for each in await Checkpoints(daemon.room).list("web", "")]


async def test_one_is_made_listed_and_deleted(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        checkpoints = Checkpoints(daemon.room)
        assert await names(daemon) == []
        await checkpoints.create("web", CheckpointRequest(checkpoint_id="one"))
        assert await names(daemon) == ["one"]
        assert cell.record.state.alive
        path = Path(await checkpoints.found("web", "one", ""))
        assert (path / "inventory.img").read_bytes() == b"dumped"
        with pytest.raises(Conflict, match="checkpoint with name one already exists"):
            await checkpoints.create("web", CheckpointRequest(checkpoint_id="one"))
        await checkpoints.delete("web", "one", "")
        assert await names(daemon) == []
        with pytest.raises(NotFound, match="checkpoint one does not exist for container web"):
            await checkpoints.delete("web", "one", "")


async def test_a_dump_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.checkpoint"] = SystemFailure("criu failed: no")
        with pytest.raises(SystemFailure, match="Cannot checkpoint container web: criu failed"):
            await Checkpoints(daemon.room).create("web", CheckpointRequest(checkpoint_id="one"))
        assert list((daemon.outside.directory(cell.id) / "checkpoints").iterdir()) == []


async def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        checkpoints = Checkpoints(daemon.room)
        await daemon.create("web")
        with pytest.raises(Conflict, match="is not running"):
            await checkpoints.create("web", CheckpointRequest(checkpoint_id="one"))
        with pytest.raises(InvalidParameter, match=r"Invalid checkpoint ID \(\.\./x\)"):
            await checkpoints.create("web", CheckpointRequest(checkpoint_id="../x"))
        with pytest.raises(Forbidden, match="custom checkpointdir is not supported"):
            await checkpoints.list("web", "/elsewhere")


async def test_without_criu_the_reason_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.machine.host.no_criu = "it is not installed"
        with pytest.raises(NotImplementedHere, match="need criu, and it is not installed"):
            await Checkpoints(daemon.room).create("web", CheckpointRequest(checkpoint_id="one"))
        assert await names(daemon) == []


async def test_a_start_from_one_hands_its_directory_to_the_runtime(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await daemon.containers.start("web", checkpoint="/where/it/is")
        options = daemon.runtime.tasks.options[cell.id]
        assert options is not None
        assert options.criu_image_path == "/where/it/is"
