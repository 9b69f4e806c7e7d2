"""Managed plugins: list, inspect, create, enable, disable, set, remove; pull, upgrade and push."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from quart import Response
from quart_trio import QuartTrio

from engine.api.bodies import body_stream, read_body
from engine.api.queries import query_bool, query_filters, query_int, query_text
from engine.api.responses import empty_response, json_response, stream_response
from engine.api.routes.distribution import registry_auth
from engine.api.routes.images import Messages, lines_of
from engine.api.routes.rooms import Rooms
from engine.domain.managed.facade import Privilege
from engine.errors import prefixed
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

    @app.get("/plugins/privileges")
    async def plugin_privileges() -> Response:
        return json_response(await plugins.privileges(query_text("remote"), auth=registry_auth()))

    @app.post("/plugins/pull")
    async def plugin_pull() -> Response:
        granted = await _granted()
        name, work = plugins.pull(
            query_text("remote"), query_text("name"), granted, auth=registry_auth()
        )
        return _progress(work, name)

    @app.post("/plugins/<path:name>/upgrade")
    async def plugin_upgrade(name: str) -> Response:
        granted = await _granted()
        found, work = plugins.upgrade(name, query_text("remote"), granted, auth=registry_auth())
        return _progress(work, found)

    @app.post("/plugins/<path:name>/push")
    async def plugin_push(name: str) -> Response:
        work = plugins.push(name, auth=registry_auth())
        return stream_response(lines_of(work), headers_first=False)

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


async def _granted() -> list[Privilege]:
    """The privileges that the user has agreed to; `null` are none."""
    body = await read_body()
    with prefixed("failed to parse privileges: "):
        return [] if body.strip() == b"null" else gojson.decode(body, list[Privilege])


def _progress(work: AbstractAsyncContextManager[Messages], name: str) -> Response:
    """The CLI goes on with the plugin of the name in the head."""
    headers = {"Docker-Plugin-Name": name}
    return stream_response(lines_of(work), headers=headers, headers_first=False)
