"""Networks: list and inspect."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.queries import query_filters
from engine.api.responses import json_response
from engine.api.routes.rooms import Rooms
from engine.api.versions import down


def register(app: QuartTrio, rooms: Rooms) -> None:
    networks = rooms.networks

    @app.get("/networks")
    async def network_list() -> Response:
        return json_response(down("network", networks.list(query_filters()), api_version()))

    @app.get("/networks/<name>")
    async def network_inspect(name: str) -> Response:
        return json_response(down("network", networks.inspect(name), api_version()))
