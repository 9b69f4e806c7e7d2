"""The operators' endpoint about one container's past."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import json_response
from engine.api.routes.rooms import Rooms
from engine.domain.containers.timeline import Timelines


def register(app: QuartTrio, rooms: Rooms) -> None:
    timelines = Timelines(rooms.containers.cell, rooms.events.history)

    @app.get("/_trimaran/containers/<name>/timeline")
    async def container_timeline(name: str) -> Response:
        return json_response(await timelines.of(name))
