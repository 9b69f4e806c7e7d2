from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from engine.domain.containers.records import Status
from tests.engine.api.routes.house import house
from tests.engine.api.serving import connect


async def test_container_is_created_listed_and_inspected(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.ask("POST", "/containers/create?name=web", {"Image": "busybox"})
        assert (answer.status, answer.json["Warnings"]) == (201, [])
        made = answer.json["Id"]
        assert (await at.ask("GET", "/containers/json")).json == []
        (listed,) = (await at.ask("GET", "/containers/json?all=1")).json
        assert (listed["Id"], listed["Names"], listed["State"]) == (made, ["/web"], "created")
        assert "SizeRw" not in listed
        inspected = (await at.ask("GET", "/containers/web/json")).json
        assert (inspected["Id"], inspected["State"]["Status"]) == (made, "created")


async def test_sizes_and_filters_are_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.run("web", Labels={"env": "prod"})
        at.daemon.runtime.snapshots.sizes[made] = 5
        for target in ("/containers/json?size=1", "/containers/web/json?size=true"):
            answer = (await at.ask("GET", target)).json
            assert (answer[0] if isinstance(answer, list) else answer)["SizeRw"] == 5
        wanted = json.dumps({"label": ["env=test"]})
        assert (await at.ask("GET", f"/containers/json?filters={wanted}")).json == []
        old = json.dumps({"label": {"env=prod": True}})
        assert len((await at.ask("GET", f"/containers/json?filters={old}")).json) == 1


@pytest.mark.parametrize(
    ("method", "target", "status", "text"),
    [
        ("GET", "/containers/nosuch/json", 404, "No such container: nosuch"),
        (
            "GET",
            "/containers/json?limit=x",
            400,
            'invalid value for limit: strconv.Atoi: parsing "x": invalid syntax',
        ),
        ("GET", "/containers/json?filters=x", 400, "invalid filter: "),
        ("POST", "/containers/web/stop?t=x", 400, "invalid value for t"),
        ("POST", "/containers/web/kill?signal=NOSUCH", 400, "Invalid signal: NOSUCH"),
        ("POST", "/containers/web/kill", 409, "Cannot kill container: web: Container "),
        ("POST", "/containers/web/pause", 409, "is not running"),
        ("POST", "/containers/web/wait?condition=x", 400, "invalid condition: 'x'"),
        ("POST", "/containers/web/rename", 400, "Neither old nor new names may be empty"),
        ("DELETE", "/containers/nosuch", 404, "No such container: nosuch"),
    ],
)
async def test_refusals_have_their_status_and_text(
    tmp_path: Path, method: str, target: str, status: int, text: str
) -> None:
    async with house(tmp_path) as at:
        await at.create("web")
        found, message = await at.told(method, target)
        assert found == status
        assert text in message


async def test_bad_bodies_are_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert (await at.told("POST", "/containers/create", {}))[0] == 400
        answer = await at.ask("POST", "/containers/create", b"{", Content_Type="application/json")
        assert (answer.status, answer.json["message"]) == (400, "invalid JSON: unexpected EOF")
        answer = await at.ask("POST", "/containers/create", b"{}", Content_Type="text/plain")
        assert answer.status == 400


async def test_life_of_a_container_in_statuses(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.create("web")
        cell = at.daemon.containers.cell("web")
        for target, status, state in (
            ("start", 204, Status.RUNNING),
            ("start", 304, Status.RUNNING),
            ("pause", 204, Status.PAUSED),
            ("unpause", 204, Status.RUNNING),
            ("restart?t=1", 204, Status.RUNNING),
            ("resize?h=40&w=120", 200, Status.RUNNING),
            ("stop?t=0", 204, Status.EXITED),
            ("stop", 304, Status.EXITED),
        ):
            answer = await at.ask("POST", f"/containers/web/{target}")
            assert (answer.status, cell.record.state.status) == (status, state), target
            assert answer.body == b""
        assert (await at.ask("POST", "/containers/web/rename?name=front")).status == 204
        answer = await at.ask("POST", "/containers/front/update", {"Memory": 0, "CpuShares": 5})
        assert (answer.status, answer.json["Warnings"]) == (200, None)
        assert cell.record.host.cpu_shares == 5
        assert (await at.ask("DELETE", "/containers/front")).status == 204


async def test_removal_takes_force_and_volumes(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web", Volumes={"/data": {}})
        status, text = await at.told("DELETE", "/containers/web")
        assert status == 409
        assert text.startswith("You cannot remove a running container")
        assert (await at.ask("DELETE", "/containers/web?force=1&v=1")).status == 204
        assert at.daemon.machine.disk.disk.content == {}


async def test_head_of_wait_goes_out_before_the_container_is_started(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.create("web")
        async with await connect(at.path) as client:
            await client.send(
                b"POST /containers/web/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n\r\n"
            )
            assert (await client.read_head()).startswith("HTTP/1.1 200 OK")
            await at.ask("POST", "/containers/web/start")
            at.daemon.runtime.exit(made, 7)
            rest = b""
            while b"}" not in rest:
                rest += bytes(await client.stream.receive_some(100))
        assert b'"StatusCode":7' in rest


async def test_prune_answers_what_went(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.create("web")
        answer = await at.ask("POST", "/containers/prune")
        assert answer.json == {"ContainersDeleted": [made], "SpaceReclaimed": 0}
        assert (await at.told("POST", '/containers/prune?filters={"x":["y"]}'))[0] == 400
        await trio.lowlevel.checkpoint()
