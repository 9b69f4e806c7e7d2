"""Ping, version, info, auth."""

from __future__ import annotations

from quart import Response, request
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.responses import json_response, raw_response
from engine.api.routes.rooms import Rooms
from engine.api.versions import down

PING_HEADERS = {
    "Builder-Version": "1",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Swarm": "inactive",
}


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.route("/_ping", methods=["GET", "HEAD"])
    async def ping() -> Response:
        body = b"" if request.method == "HEAD" else b"OK"
        return raw_response(body, content_type="text/plain; charset=utf-8", headers=PING_HEADERS)

    @app.get("/version")
    async def version() -> Response:
        return json_response(await rooms.system.version())

    @app.get("/info")
    async def info() -> Response:
        return json_response(down("info", await rooms.system.info(), api_version()))
