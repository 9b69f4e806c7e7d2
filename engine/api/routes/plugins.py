"""Managed plugins: list, inspect, create, enable, disable, set, remove."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.bodies import body_stream, read_body
from engine.api.queries import query_bool, query_filters, query_int, query_text
from engine.api.responses import empty_response, json_response
from engine.api.routes.rooms import Rooms
from engine.models import gojson


def register(app: QuartTrio, rooms: Rooms) -> None:
    plugins = rooms.managed

    @app.get("/plugins")
    async def plugin_list() -> Response:
        return json_response(plugins.list(query_filters()))

    @app.get("/plugins/<path:name>/json")
    async def plugin_inspect(name: str) -> Response:
        return json_response(plugins.inspect(name))

    @app.post("/plugins/create")
    async def plugin_create() -> Response:
        await plugins.create(query_text("name"), body_stream())
        return empty_response()

    @app.post("/plugins/<path:name>/enable")
    async def plugin_enable(name: str) -> Response:
        await plugins.enable(name, timeout=float(query_int("timeout") or 0))
        return empty_response(200)

    @app.post("/plugins/<path:name>/disable")
    async def plugin_disable(name: str) -> Response:
        await plugins.disable(name, force=query_bool("force"))
        return empty_response(200)

    @app.post("/plugins/<path:name>/set")
    async def plugin_set(name: str) -> Response:
        await plugins.set(name, gojson.decode(await read_body(), list[str]))
        return empty_response()

    @app.delete("/plugins/<path:name>")
    async def plugin_remove(name: str) -> Response:
        return json_response(await plugins.remove(name, force=query_bool("force")))
