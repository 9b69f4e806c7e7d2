"""Images: list, inspect, tag, delete, load, save, import; pull, push and search."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.bodies import body_stream
from engine.api.queries import query_bool, query_filters, query_int, query_list, query_text
from engine.api.responses import empty_response, encode, json_response, stream_response
from engine.api.routes.distribution import registry_auth
from engine.api.routes.rooms import Rooms
from engine.api.versions import down
from engine.domain.images.facade import ImageUser
from engine.errors import NotImplementedHere
from supervisors import Refusal

PUSH_OF_A_PLATFORM = (1, 46)
Messages = AsyncIterator[Mapping[str, Any]]


def register(app: QuartTrio, rooms: Rooms) -> None:
    images = rooms.images

    def users(image_id: str) -> list[ImageUser]:
        return [
            ImageUser(id_, running) for id_, running in rooms.containers.users_of_image(image_id)
        ]

    @app.get("/images/json")
    async def image_list() -> Response:
        found = images.list(
            all=query_bool("all"),
            filters=query_filters(),
            digests=query_bool("digests"),
            shared_size=query_bool("shared-size"),
        )
        return json_response(down("image-summary", found, api_version()))

    @app.get("/images/<path:name>/json")
    async def image_inspect(name: str) -> Response:
        return json_response(down("image", images.inspect(name), api_version()))

    @app.get("/images/<path:name>/history")
    async def image_history(name: str) -> Response:
        return json_response(images.history(name))

    @app.post("/images/<path:name>/tag")
    async def image_tag(name: str) -> Response:
        await images.tag(name, query_text("repo"), query_text("tag"))
        return empty_response(201)

    @app.delete("/images/<path:name>")
    async def image_delete(name: str) -> Response:
        removed = await images.remove(
            name, force=query_bool("force"), noprune=query_bool("noprune"), users=users
        )
        return json_response(removed)

    @app.post("/images/prune")
    async def image_prune() -> Response:
        return json_response(await images.prune(query_filters(), users=users))

    @app.post("/images/load")
    async def image_load() -> Response:
        messages = images.load(body_stream(), quiet=query_bool("quiet"))
        return stream_response(progress(messages), headers_first=False)

    @app.post("/images/create")
    async def image_create() -> Response:
        if query_text("fromImage"):
            pulled = images.pull(
                query_text("fromImage"),
                query_text("tag"),
                platform=query_text("platform"),
                auth=registry_auth(),
            )
            return stream_response(lines_of(pulled), headers_first=False)
        if query_text("fromSrc") != "-":
            raise NotImplementedHere("importing from a URL is not supported yet: send the archive")
        messages = images.import_(
            body_stream(),
            repo=query_text("repo"),
            tag=query_text("tag"),
            message=query_text("message"),
            changes=query_list("changes"),
            platform=query_text("platform"),
        )
        return stream_response(progress(messages), headers_first=False)

    @app.post("/images/<path:name>/push")
    async def image_push(name: str) -> Response:
        platform = query_text("platform") if api_version() >= PUSH_OF_A_PLATFORM else ""
        pushed = images.push(name, query_text("tag"), auth=registry_auth(), platform=platform)
        return stream_response(lines_of(pushed), headers_first=False)

    @app.get("/images/search")
    async def image_search() -> Response:
        found = await images.search(
            query_text("term"),
            limit=query_int("limit"),
            filters=query_filters(),
            auth=registry_auth(),
        )
        return json_response(found)

    @app.get("/images/get")
    async def images_get() -> Response:
        names = [each for name in query_list("names") for each in name.split(",")]
        return stream_response(images.save(names), "application/x-tar", headers_first=False)

    @app.get("/images/<path:name>/get")
    async def image_get(name: str) -> Response:
        return stream_response(images.save([name]), "application/x-tar", headers_first=False)


async def progress(messages: AsyncGenerator[Mapping[str, Any], None]) -> AsyncIterator[bytes]:
    async with aclosing(messages) as source, aclosing(lines(source)) as encoded:
        async for line in encoded:
            yield line


@asynccontextmanager
async def lines_of(
    messages: AbstractAsyncContextManager[Messages],
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The same for work that runs beside its messages."""
    async with messages as source, aclosing(lines(source)) as encoded:
        yield encoded


async def lines(messages: Messages) -> AsyncGenerator[bytes, None]:
    """One JSON object a line; an error after the first line becomes the last line."""
    begun = False
    try:
        async for message in messages:
            begun = True
            yield encode(message)
    except Refusal as error:
        if not begun:
            raise
        yield encode({"errorDetail": {"message": str(error)}, "error": str(error)})
