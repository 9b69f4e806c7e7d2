"""GET /metrics, for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import raw_response

Scrape = Callable[[], Awaitable[tuple[bytes, str]]]


def register(app: QuartTrio, scrape: Scrape) -> None:
    """`scrape` answers with the text and its content type."""

    @app.get("/metrics")
    async def metrics() -> Response:
        body, content_type = await scrape()
        return raw_response(body, content_type=content_type)
