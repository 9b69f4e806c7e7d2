from __future__ import annotations

from pathlib import Path

from engine.api.routes.metrics import register
from tests.engine.api.serving import ask, serving


async def test_scrape_is_answered_as_it_comes(tmp_path: Path) -> None:
    async def scrape() -> tuple[bytes, str]:
        return b"up 1\n", "text/plain; version=0.0.4"

    async with serving(lambda app: register(app, scrape), tmp_path / "s"):
        answer = await ask(tmp_path / "s", "GET", "/metrics")
        assert (answer.status, answer.body) == (200, b"up 1\n")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4"
        assert (await ask(tmp_path / "s", "POST", "/metrics")).status == 404
