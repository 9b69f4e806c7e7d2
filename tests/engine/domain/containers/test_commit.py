from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers.commit import CommitRequest
from engine.domain.containers.records import Status
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models.containers import ContainerConfig
from tests.engine.domain.containers.rooms import running
from tests.fakes.images import IMAGE_ID


async def test_commit_makes_an_image_of_the_changes_while_the_container_stands_still(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", env=["A=1"], cmd=["serve", "all"])
        made = await daemon.commits.commit(
            CommitRequest("web", "mine", "v1", comment="why", author="who", changes=("ENV B=2",))
        )
        ((parent, layer, commit),) = daemon.machine.images.committed
        assert (parent, layer) == (IMAGE_ID, b"layer")
        assert sorted(commit.config.env) == ["A=1", "B=2"]
        assert (commit.comment, commit.author, commit.created_by) == ("why", "who", "serve all")
        assert daemon.machine.images.known["mine:v1"].id == made
        told = daemon.journal.event("commit").attributes
        assert (told["imageID"], told["imageRef"]) == (made, "mine:v1")
        assert daemon.journal.actions()[-3:] == ["pause", "commit", "unpause"]
        assert cell.record.state.status is Status.RUNNING
        assert daemon.journal.intents("commit") == []


@pytest.mark.parametrize("started", [True, False])
async def test_without_a_pause_or_a_process_nothing_is_paused(
    tmp_path: Path, started: bool
) -> None:
    async with running(tmp_path) as daemon:
        await (daemon.run if started else daemon.create)("web")
        await daemon.commits.commit(CommitRequest("web", pause=not started))
        assert "pause" not in daemon.journal.actions()
        assert daemon.journal.event("commit").attributes["imageRef"] == ""


async def test_own_config_of_the_request_replaces_the_containers(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web", working_dir="/srv", user="root")
        config = ContainerConfig(working_dir="/other")
        await daemon.commits.commit(CommitRequest("web", config=config))
        ((_, _, commit),) = daemon.machine.images.committed
        assert commit.config.working_dir == "/other"
        assert commit.container_config.working_dir == "/srv"


async def test_commit_that_fails_lets_the_container_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.machine.images.failure = SystemFailure("no space left on device")
        with pytest.raises(SystemFailure, match="no space left"):
            await daemon.commits.commit(CommitRequest("web"))
        assert cell.record.state.status is Status.RUNNING
        assert daemon.journal.intents("commit") == []


async def test_container_that_was_paused_before_stays_so(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.pause("web")
        await daemon.commits.commit(CommitRequest("web"))
        assert cell.record.state.status is Status.PAUSED


async def test_refusals_come_before_anything_is_paused(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        with pytest.raises(NotFound):
            await daemon.commits.commit(CommitRequest("nosuch"))
        with pytest.raises(InvalidParameter):
            await daemon.commits.commit(CommitRequest("web", changes=("FROM scratch",)))
        with pytest.raises(InvalidParameter):
            await daemon.commits.commit(CommitRequest("web", repo="UPPER"))
        assert "pause" not in daemon.journal.actions()
        cell.record = cell.record.with_state(status=Status.DEAD)
        with pytest.raises(Conflict, match=f"You cannot commit container {cell.id} which is Dead"):
            await daemon.commits.commit(CommitRequest("web"))
        cell.record = cell.record.with_state(status=Status.RUNNING)
