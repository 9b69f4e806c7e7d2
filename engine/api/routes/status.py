"""The operators' endpoints: the supervision tree as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import json_response


def register(app: QuartTrio, tree: Callable[[], Mapping[str, object]]) -> None:
    @app.get("/_trimaran/status")
    async def status() -> Response:
        return json_response(tree())
