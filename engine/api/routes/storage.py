"""The operators' endpoints about the disk: the account, and a sweep when asked."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.queries import query_bool, query_text
from engine.api.responses import json_response
from engine.api.routes.rooms import Rooms
from engine.errors import InvalidParameter


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.get("/_trimaran/storage")
    async def storage() -> Response:
        return json_response(await rooms.storage.report())

    @app.post("/_trimaran/storage/sweep")
    async def sweep() -> Response:
        dry_run = query_bool("dry-run")
        return json_response(await rooms.storage.sweep(grace=_grace(), dry_run=dry_run))


def _grace() -> float | None:
    text = query_text("grace")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InvalidParameter(f"invalid grace: {text!r} is not a number of seconds")
    return seconds
