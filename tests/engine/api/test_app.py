from __future__ import annotations

from pathlib import Path

import trio
from quart import request
from quart_trio import QuartTrio

from engine.api.app import api_version, create_app
from engine.api.hijack import peer
from engine.api.responses import json_response, raw_response
from engine.errors import Conflict
from tests.engine.api.serving import ask, serving


def register(app: QuartTrio) -> None:
    @app.route("/_ping", methods=["GET", "HEAD"])
    async def ping():  # type: ignore[no-untyped-def]
        body = b"" if request.method == "HEAD" else b"OK"
        return raw_response(body, content_type="text/plain; charset=utf-8")

    @app.get("/networks")
    async def networks():  # type: ignore[no-untyped-def]
        return json_response({"version": api_version(), "q": request.args.get("q")})

    @app.get("/images/<path:name>/json")
    async def image(name: str):  # type: ignore[no-untyped-def]
        return {"name": name}

    @app.post("/containers/<id>/start")
    async def start(id: str):  # type: ignore[no-untyped-def]
        async with trio.open_nursery():
            raise Conflict(f"{id} is busy")

    @app.get("/bug")
    async def bug():  # type: ignore[no-untyped-def]
        raise RuntimeError("boom")

    @app.get("/peer")
    async def who():  # type: ignore[no-untyped-def]
        found = peer()
        assert found is not None
        return json_response({"uid": found.uid, "pid": found.pid})


async def test_routes_answer_with_and_without_a_version(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(register, path):
        assert (await ask(path, "GET", "/networks")).json["version"] == [1, 51]
        assert (await ask(path, "GET", "/v1.30/networks?q=a%20b")).json == {
            "version": [1, 30],
            "q": "a b",
        }
        assert (await ask(path, "GET", "/networks/")).status == 200
        assert (await ask(path, "GET", "/v1.41/images/a/b:c%2Fd/json")).json == {"name": "a/b:c/d"}


async def test_versions_out_of_range_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(register, path):
        answer = await ask(path, "GET", "/v1.23/networks")
        assert answer.status == 400
        assert "too old. Minimum supported API version is 1.24" in answer.json["message"]
        answer = await ask(path, "GET", "/v1.99/networks")
        assert answer.json == {
            "message": "client version 1.99 is too new. Maximum supported API version is 1.51"
        }


async def test_unknown_paths_and_wrong_methods_are_not_found(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(register, path):
        for method, target in [
            ("GET", "/nope"),
            ("PUT", "/networks"),
            ("GET", "/v1.41/"),
            ("HEAD", "/networks"),
        ]:
            answer = await ask(path, method, target)
            assert (answer.status, answer.reason) == (404, "Not Found"), target
            if method != "HEAD":
                assert answer.body == b'{"message":"page not found"}\n'
        assert (await ask(path, "OPTIONS", "/networks")).status == 200


async def test_a_head_ping_says_that_its_length_is_0(tmp_path: Path) -> None:
    async with serving(register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "HEAD", "/_ping")
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["Api-Version"] == "1.51"


async def test_errors_become_answers(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(register, path):
        answer = await ask(path, "POST", "/containers/x/start")
        assert (answer.status, answer.reason) == (409, "Conflict")
        assert answer.json == {"message": "x is busy"}
        answer = await ask(path, "GET", "/bug")
        assert (answer.status, answer.json) == (500, {"message": "boom"})


async def test_the_peer_of_a_unix_socket_is_known(tmp_path: Path) -> None:
    import os

    async with serving(register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "GET", "/peer")
    assert answer.json == {"uid": os.getuid(), "pid": os.getpid()}


async def test_quarts_own_test_client_works() -> None:
    client = create_app(register).test_client()
    answer = await client.get("/v1.40/networks")
    assert answer.status_code == 200
    assert (await answer.get_json())["version"] == [1, 40]
