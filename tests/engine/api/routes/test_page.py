from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.api.routes.page import FILES, register
from tests.engine.api.serving import ask, serving


@pytest.mark.parametrize("name", ["page.css", "main.js", "feed.js", "index.html"])
async def test_files_are_served_under_a_strict_policy(tmp_path: Path, name: str) -> None:
    path, nothing = tmp_path / "s", None
    async with serving(lambda app: register(app, nothing), path):  # type: ignore[arg-type]
        answer = await ask(path, "GET", f"/_trimaran/page/{name}")
        assert (answer.status, answer.body) == (200, (FILES / name).read_bytes())
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["other.js", "..%2ftoken.py", "%2e%2e", "__init__.py"])
async def test_nothing_else_is_served(tmp_path: Path, name: str) -> None:
    path, nothing = tmp_path / "s", None
    async with serving(lambda app: register(app, nothing), path):  # type: ignore[arg-type]
        assert (await ask(path, "GET", f"/_trimaran/page/{name}")).status == 404


async def test_number_that_is_none_is_refused(tmp_path: Path) -> None:
    path, nothing = tmp_path / "s", None
    async with serving(lambda app: register(app, nothing), path):  # type: ignore[arg-type]
        assert (await ask(path, "GET", "/_trimaran/page/ws?since=x")).status == 400


def test_page_asks_for_what_is_there_and_has_nothing_inline() -> None:
    html = (FILES / "index.html").read_text()
    asked: list[Any] = re.findall(r'(?:src|href)="/_trimaran/page/([^"]+)"', html)
    assert len(asked) == 2
    for script in FILES.glob("*.js"):
        asked += re.findall(r'from "\./([^"]+)"', script.read_text())
    assert [each for each in asked if not (FILES / each).exists()] == []
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", html)
