from __future__ import annotations

from pathlib import Path

from engine.api.routes.unserved import NOT_A_MANAGER
from tests.engine.api.routes.house import house


async def test_volume_is_created_listed_inspected_and_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.ask("POST", "/volumes/create", {"Name": "vol", "Labels": {"a": "b"}})
        assert (answer.status, answer.json["Name"], answer.json["Labels"]) == (
            201,
            "vol",
            {"a": "b"},
        )
        listed = (await at.ask("GET", "/volumes")).json
        assert [each["Name"] for each in listed["Volumes"]] == ["vol"]
        assert (await at.ask("GET", "/volumes/vol")).json["Driver"] == "local"
        assert (await at.ask("DELETE", "/volumes/vol")).status == 204
        assert (await at.ask("GET", "/volumes")).json["Volumes"] == []


async def test_refusals_have_their_status(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.create("web", HostConfig={"Binds": ["vol:/data"]})
        assert (await at.told("GET", "/volumes/nosuch"))[0] == 404
        assert (await at.told("DELETE", "/volumes/nosuch"))[0] == 404
        assert (await at.ask("DELETE", "/volumes/nosuch?force=1")).status == 204
        status, text = await at.told("DELETE", "/volumes/vol")
        assert (status, "volume is in use" in text) == (409, True)
        assert (await at.told("POST", "/volumes/create", {"Name": "a/b"}))[0] == 400
        assert (await at.told("PUT", "/volumes/vol"))[0] == 503
        status, text = await at.told("GET", '/volumes?filters={"colour":["red"]}')
        assert status == 400


async def test_cluster_volumes_need_a_swarm(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        body = {"Name": "vol", "ClusterVolumeSpec": {}}
        assert await at.told("POST", "/volumes/create", body) == (503, NOT_A_MANAGER)
        assert (await at.ask("POST", "/v1.41/volumes/create", body)).status == 201


async def test_prune_of_an_older_client_takes_named_volumes_too(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for name in ("named", ""):
            await at.ask("POST", "/volumes/create", {"Name": name})
        pruned = (await at.ask("POST", "/volumes/prune")).json["VolumesDeleted"]
        assert len(pruned) == 1
        assert pruned != ["named"]
        pruned = (await at.ask("POST", "/v1.41/volumes/prune")).json["VolumesDeleted"]
        assert pruned == ["named"]
