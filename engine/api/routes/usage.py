"""What a container's processes are and use: top and stats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.queries import query_bool, query_text
from engine.api.responses import encode, json_response, stream_response
from engine.api.routes.rooms import Rooms


def register(app: QuartTrio, rooms: Rooms) -> None:
    containers = rooms.containers

    @app.get("/containers/<name>/top")
    async def container_top(name: str) -> Response:
        return json_response(await containers.top(name, query_text("ps_args")))

    @app.get("/containers/<name>/stats")
    async def container_stats(name: str) -> Response:
        streaming = query_bool("stream", default=True)
        one_shot = query_bool("one-shot") and api_version() >= (1, 41)  # unknown before
        containers.check_stats(streaming=streaming, one_shot=one_shot)
        if not streaming:
            return json_response(await containers.stats(name, one_shot=one_shot))
        samples = containers.stats_stream(name)

        async def lines() -> AsyncIterator[bytes]:
            async with aclosing(samples):
                async for each in samples:
                    yield encode(each)

        return stream_response(lines())
