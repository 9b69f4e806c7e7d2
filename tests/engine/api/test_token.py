from __future__ import annotations

from pathlib import Path

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import empty_response
from engine.api.token import COOKIE, read_or_make, require
from tests.engine.api.serving import ask, serving

TOKEN = "t" * 32


def test_token_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = read_or_make(path)
    assert len(token) >= 20
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_make(path) == token


def test_token_that_others_could_read_or_that_is_none_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = read_or_make(path)
    path.chmod(0o644)
    fresh = read_or_make(path)
    assert fresh != token
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("short\n")
    assert read_or_make(path) not in (fresh, "short")


def test_token_is_not_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "token").symlink_to(target)
    read_or_make(tmp_path / "token")
    assert not target.exists()


def routes(app: QuartTrio) -> None:
    require(app, TOKEN)

    @app.get("/_trimaran/status")
    async def status() -> Response:
        return empty_response(200)

    @app.get("/_trimaran/")
    async def home() -> Response:
        return empty_response(200)


async def test_only_who_has_the_token_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(routes, path):
        where = "/_trimaran/status"
        assert (await ask(path, "GET", where)).status == 401
        assert (await ask(path, "GET", where, Authorization=f"Bearer {TOKEN}")).status == 200
        assert (await ask(path, "GET", where, Authorization="Bearer no")).status == 401
        assert (await ask(path, "GET", where, Authorization=f"Basic {TOKEN}")).status == 401
        assert (await ask(path, "GET", where, Cookie=f"{COOKIE}={TOKEN}")).status == 200
        assert (await ask(path, "GET", f"{where}?token={TOKEN}")).status == 200
        wrong = await ask(path, "GET", f"{where}?token=no", Cookie=f"{COOKIE}={TOKEN}")
        assert wrong.status == 401


async def test_token_in_the_address_becomes_a_cookie(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(routes, path):
        answer = await ask(path, "GET", f"/_trimaran/?token={TOKEN}")
        assert (answer.status, answer.headers["Location"]) == (303, "/_trimaran/")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}={TOKEN};")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie  # plain HTTP on loopback
