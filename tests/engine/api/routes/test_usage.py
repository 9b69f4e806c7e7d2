from __future__ import annotations

import json
from pathlib import Path

from tests.engine.api.routes.house import house
from tests.engine.api.serving import connect

PS = "UID   PID  CMD\nroot  1001 sh -c true\nroot  9    other\n"


async def test_processes_are_listed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        at.daemon.machine.host.ps_output = {("-ef", "-q1001"): PS, ("aux", "-q1001"): PS}
        answer = (await at.ask("GET", "/containers/web/top")).json
        assert answer == {
            "Titles": ["UID", "PID", "CMD"],
            "Processes": [["root", "1001", "sh -c true"]],
        }
        assert (await at.ask("GET", "/containers/web/top?ps_args=aux")).status == 200
        await at.create("idle")
        status, text = await at.told("GET", "/containers/idle/top")
        assert (status, "is not running" in text) == (409, True)


async def test_one_sample_is_json_and_a_stream_is_lines(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.run("web")
        answer = await at.ask("GET", "/containers/web/stats?stream=0&one-shot=1")
        assert (answer.json["id"], answer.headers["Content-Type"]) == (made, "application/json")
        async with await connect(at.path) as client:
            await client.send(b"GET /containers/web/stats HTTP/1.1\r\nHost: d\r\n\r\n")
            assert (await client.read_head()).startswith("HTTP/1.1 200")
            await client.read_until(b"\r\n")
            assert json.loads(await client.read_until(b"\n"))["id"] == made


async def test_stream_of_one_shots_and_unknown_containers_are_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        text = "cannot have stream=true and one-shot=true"
        assert await at.told("GET", "/containers/web/stats?one-shot=1") == (400, text)
        text = "No such container: web"
        assert await at.told("GET", "/containers/web/stats") == (404, text)
