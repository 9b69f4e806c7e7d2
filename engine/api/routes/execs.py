"""Execs: create, start (attached or detached), resize, inspect."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.bodies import read_json
from engine.api.hijack import hijack
from engine.api.queries import query_size
from engine.api.responses import empty_response, json_response
from engine.api.routes.rooms import Rooms
from engine.api.routes.streams import stream_type
from engine.domain.streams.frames import frame
from engine.models.execs import ExecConfig, ExecCreateResponse, ExecStartRequest
from supervisors import Refusal


def register(app: QuartTrio, rooms: Rooms) -> None:
    execs = rooms.execs

    @app.post("/containers/<name>/exec")
    async def exec_create(name: str) -> Response:
        config = await read_json(ExecConfig)
        return json_response(ExecCreateResponse(id=await execs.create(name, config)), 201)

    @app.post("/exec/<name>/start")
    async def exec_start(name: str) -> Response:
        request = await read_json(ExecStartRequest)
        session = execs.session(name, request)
        if request.detach:
            await session.start()
            return empty_response(200)
        try:
            client = await hijack(content_type=stream_type(tty=session.raw))
            try:
                await session.run(client)
            except Refusal as error:
                # The head is out: the text goes where the output would.
                text = f"{error}\r\n".encode()
                await client.send_all(text if session.raw else frame("stdout", text))
        finally:
            session.close()
        return empty_response(200)

    @app.post("/exec/<name>/resize")
    async def exec_resize(name: str) -> Response:
        await execs.resize(name, query_size("h"), query_size("w"))
        return empty_response(200)

    @app.get("/exec/<name>/json")
    async def exec_inspect(name: str) -> Response:
        return json_response(execs.inspect(name))
