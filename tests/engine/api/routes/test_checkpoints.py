from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.engine.api.routes.house import House, house

OF = "/containers/web/checkpoints"


def experimental(at: House) -> None:
    identity = at.system.identity
    at.system.identity = msgspec.structs.replace(identity, experimental=True)


@pytest.mark.parametrize(("method", "path"), [("GET", OF), ("POST", OF), ("DELETE", f"{OF}/one")])
async def test_without_experimental_nothing_is_there(
    tmp_path: Path, method: str, path: str
) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        assert await at.told(method, path) == (404, "page not found")
        status, text = await at.told("POST", "/containers/web/start?checkpoint=one")
        assert (status, text) == (400, "checkpoint is only supported in experimental mode")


async def test_with_it_they_are_made_listed_and_deleted(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        experimental(at)
        await at.run("web")
        body = {"CheckpointID": "one", "Exit": False}
        assert (await at.ask("POST", OF, body)).status == 201
        assert (await at.ask("GET", OF)).json == [{"Name": "one"}]
        assert (await at.ask("DELETE", f"{OF}/one")).status == 204
        assert (await at.ask("GET", OF)).json == []
        status, _ = await at.told("POST", "/containers/web/start?checkpoint=none")
        assert status == 404
        at.daemon.machine.host.no_criu = "it is not installed"
        at.daemon.machine.host.ps_output = {}
        told = await at.ask("POST", OF, body)
        assert (told.status, "need criu" in told.json["message"]) == (501, True)
