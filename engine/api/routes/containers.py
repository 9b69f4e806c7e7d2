"""Containers: create, list, inspect, and the changes of their life. Their streams are in `streams`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.bodies import read_json
from engine.api.hijack import asker
from engine.api.queries import query_bool, query_filters, query_int, query_size, query_text
from engine.api.responses import empty_response, encode, json_response, stream_response
from engine.api.routes.checkpoints import to_start_from
from engine.api.routes.rooms import Rooms
from engine.api.versions import down
from engine.models.containers import CreateRequest, UpdateRequest, WaitError, WaitResponse


def register(app: QuartTrio, rooms: Rooms) -> None:
    containers = rooms.containers

    @app.post("/containers/create")
    async def container_create() -> Response:
        request = await read_json(CreateRequest)
        created = await containers.create(
            request, name=query_text("name"), platform=query_text("platform"), version=api_version()
        )
        return json_response(created, 201)

    @app.get("/containers/json")
    async def container_list() -> Response:
        found = containers.list(
            all=query_bool("all"), limit=query_int("limit", -1), filters=query_filters()
        )
        if query_bool("size"):
            found = await containers.list_with_sizes(found)
        return json_response(down("container-summary", found, api_version()))

    # A linked container is also known as PARENT/ALIAS.
    @app.get("/containers/<path:name>/json")
    async def container_inspect(name: str) -> Response:
        sized = query_bool("size")
        found = await containers.inspect_with_sizes(name) if sized else containers.inspect(name)
        return json_response(down("container", found, api_version()))

    @app.post("/containers/prune")
    async def container_prune() -> Response:
        return json_response(await rooms.prunes.prune(query_filters()))

    @app.post("/containers/<name>/start")
    async def container_start(name: str) -> Response:
        await containers.start(name, checkpoint=await to_start_from(rooms, name))
        return empty_response()

    @app.post("/containers/<name>/stop")
    async def container_stop(name: str) -> Response:
        await containers.stop(name, timeout=_timeout(), signal=query_text("signal"), by=asker())
        return empty_response()

    @app.post("/containers/<name>/restart")
    async def container_restart(name: str) -> Response:
        await containers.restart(name, timeout=_timeout(), signal=query_text("signal"), by=asker())
        return empty_response()

    @app.post("/containers/<name>/kill")
    async def container_kill(name: str) -> Response:
        await containers.kill(name, query_text("signal"), by=asker())
        return empty_response()

    @app.post("/containers/<name>/pause")
    async def container_pause(name: str) -> Response:
        await containers.pause(name)
        return empty_response()

    @app.post("/containers/<name>/unpause")
    async def container_unpause(name: str) -> Response:
        await containers.unpause(name)
        return empty_response()

    @app.post("/containers/<name>/rename")
    async def container_rename(name: str) -> Response:
        await containers.rename(name, query_text("name"))
        return empty_response()

    @app.post("/containers/<name>/update")
    async def container_update(name: str) -> Response:
        return json_response(await containers.update(name, await read_json(UpdateRequest)))

    @app.post("/containers/<name>/resize")
    async def container_resize(name: str) -> Response:
        await containers.resize(name, query_size("h"), query_size("w"))
        return empty_response(200)

    @app.delete("/containers/<path:name>")
    async def container_delete(name: str) -> Response:
        if query_bool("link"):
            await containers.unlink(name)
            return empty_response()
        await containers.remove(
            name, force=query_bool("force"), volumes=query_bool("v"), by=asker()
        )
        return empty_response()

    @app.post("/containers/<name>/wait")
    async def container_wait(name: str) -> Response:
        """The head goes out at once: clients start the container when they have it."""
        wait = containers.wait(name, query_text("condition"))

        async def body() -> AsyncIterator[bytes]:
            result = await wait()
            error = WaitError(message=result.error) if result.error else None
            yield encode(WaitResponse(status_code=result.exit_code, error=error))

        return stream_response(body())


def _timeout() -> int | None:
    return query_int("t", 0) if query_text("t") else None
