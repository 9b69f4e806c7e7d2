"""Ping, version, info, auth."""

from __future__ import annotations

from quart import Response, request
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.queries import query_list
from engine.api.responses import json_response, raw_response
from engine.api.routes.rooms import Rooms
from engine.api.versions import down
from engine.domain.system.disk import KINDS
from engine.errors import InvalidParameter

PING_HEADERS = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Swarm": "inactive",
}


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.route("/_ping", methods=["GET", "HEAD"])
    async def ping() -> Response:
        body = b"" if request.method == "HEAD" else b"OK"
        builder = "1" if rooms.builds.buildkit is None else "2"
        headers = {"Builder-Version": builder, **PING_HEADERS}
        return raw_response(body, content_type="text/plain; charset=utf-8", headers=headers)

    @app.get("/version")
    async def version() -> Response:
        return json_response(await rooms.system.version())

    @app.get("/info")
    async def info() -> Response:
        return json_response(down("info", await rooms.system.info(), api_version()))

    @app.get("/system/df")
    async def disk_usage() -> Response:
        kinds = query_list("type") or KINDS
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidParameter(f"unknown object type: {kind}")
        report = await rooms.disk.measure(kinds)
        return json_response(down("disk-usage", report, api_version()))
