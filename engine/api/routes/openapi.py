"""The description of what is served here: our own endpoints, and the operations of the Engine API that are there.

It is data, kept by hand beside the routes (`engine/api/openapi.json`); a test compares it with what is registered.
"""

from __future__ import annotations

from pathlib import Path

import trio
from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import raw_response

FILE = Path(__file__).parents[1] / "openapi.json"


def register(app: QuartTrio) -> None:
    @app.get("/_trimaran/openapi.json")
    async def openapi() -> Response:
        return raw_response(await trio.to_thread.run_sync(FILE.read_bytes))
