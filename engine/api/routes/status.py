"""The operators' endpoints: the supervision tree as it is."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import json_response
from engine.api.routes.rooms import Rooms


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.get("/_trimaran/status")
    async def tree() -> Response:
        return json_response(rooms.system.tree())
