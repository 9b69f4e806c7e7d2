"""The operators' page: its files, served as they are, and the one WebSocket that fills it."""

from __future__ import annotations

from pathlib import Path

import trio
from quart import Response
from quart_trio import QuartTrio

from engine.api.feeds import Window, open_feed
from engine.api.queries import query_text
from engine.api.responses import empty_response, raw_response
from engine.api.routes.page_feed import PageFeed, Source
from engine.errors import InvalidParameter, NotFound

FILES = Path(__file__).parents[1] / "web"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def register(app: QuartTrio, source: Source) -> None:
    @app.get("/_trimaran/")
    async def page() -> Response:
        return await served("index.html")

    @app.get("/_trimaran/page/<name>")
    async def page_file(name: str) -> Response:
        return await served(name)

    @app.get("/_trimaran/page/ws")
    async def page_ws() -> Response:
        text = query_text("since")
        if text and not (text.isascii() and text.isdecimal()):
            raise InvalidParameter(f'invalid value for "since": {text}')
        told = PageFeed(source, int(text) if text else None)
        async with open_feed(Window(), hear=told.hear) as feed:
            await told.run(feed)
        return empty_response(200)


async def served(name: str) -> Response:
    """NotFound for what is no file of the page."""
    if name not in await trio.to_thread.run_sync(_names):
        raise NotFound("page not found")
    body = await trio.to_thread.run_sync((FILES / name).read_bytes)
    return raw_response(body, content_type=TYPES[Path(name).suffix], headers=HEADERS)


def _names() -> set[str]:
    return {each.name for each in FILES.iterdir() if each.suffix in TYPES}
