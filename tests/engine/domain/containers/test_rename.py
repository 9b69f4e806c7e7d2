from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Conflict, InvalidParameter, NotFound, Unavailable
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_container_is_known_by_its_new_name_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.rename("web", "/front")
        assert daemon.containers.cell("front") is cell
        with pytest.raises(NotFound):
            daemon.containers.cell("web")
        assert daemon.machine.record(cell.id) == cell.record
        assert daemon.runtime.containers.all[cell.id].labels["io.trimaran.name"] == "front"
        told = daemon.journal.event("rename").attributes
        assert (told["oldName"], told["name"]) == ("/web", "front")
        network = daemon.networks.inspect("bridge")
        assert [each["Name"] for each in network["Containers"].values()] == ["front"]
        await daemon.create("web")


async def test_refusals_leave_the_name(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web")
        other = await daemon.create("db")
        prefix = "Error when allocating new name: "
        with pytest.raises(
            Conflict, match=f'^{prefix}Conflict. The container name "/db" is already.*{other.id}'
        ):
            await daemon.containers.rename("web", "db")
        with pytest.raises(InvalidParameter, match=rf"^{prefix}Invalid container name \(/a b\)"):
            await daemon.containers.rename("web", "a b")
        with pytest.raises(InvalidParameter, match="Neither old nor new names may be empty"):
            await daemon.containers.rename("web", "")
        assert daemon.containers.cell("web").record.name == "web"


async def test_name_is_free_again_when_the_store_is_away(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.journal.away = True
        with pytest.raises(Unavailable):
            await daemon.containers.rename("web", "front")
        daemon.journal.away = False
        assert daemon.containers.cell("web") is cell
        await daemon.create("front")


async def test_container_that_containerd_does_not_know_yet_is_renamed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.runtime.containers.all.clear()
        await daemon.containers.rename("web", "front")
        assert cell.record.name == "front"
