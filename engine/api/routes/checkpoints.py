"""Checkpoints, and a start from one: for daemons with `experimental` alone, elsewhere nothing is there."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.bodies import read_json
from engine.api.queries import query_text
from engine.api.responses import empty_response, json_response
from engine.api.routes.rooms import Rooms
from engine.errors import InvalidParameter, NotFound
from engine.models.containers import CheckpointRequest


def register(app: QuartTrio, rooms: Rooms) -> None:
    checkpoints = rooms.contents.checkpoints

    def check_there() -> None:
        if not rooms.system.identity.experimental:
            raise NotFound("page not found")

    @app.get("/containers/<name>/checkpoints")
    async def checkpoint_list(name: str) -> Response:
        check_there()
        return json_response(await checkpoints.list(name, query_text("dir")))

    @app.post("/containers/<name>/checkpoints")
    async def checkpoint_create(name: str) -> Response:
        check_there()
        await checkpoints.create(name, await read_json(CheckpointRequest))
        return empty_response(201)

    @app.delete("/containers/<name>/checkpoints/<checkpoint>")
    async def checkpoint_delete(name: str, checkpoint: str) -> Response:
        check_there()
        await checkpoints.delete(name, checkpoint, query_text("dir"))
        return empty_response()


async def to_start_from(rooms: Rooms, name: str) -> str:
    """The path of the checkpoint that a start asks for; "" without one."""
    wanted, directory = query_text("checkpoint"), query_text("checkpoint-dir")
    if not wanted and not directory:
        return ""
    if not rooms.system.identity.experimental:
        raise InvalidParameter("checkpoint is only supported in experimental mode")
    return await rooms.contents.checkpoints.found(name, wanted, directory)
