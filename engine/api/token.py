"""The operators' token: who has it may look at the page and what is beside it. Nothing there can be changed with it."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path

from quart import Response, request
from quart_trio import QuartTrio

from engine.api.responses import empty_response, raw_response

COOKIE = "trimaran-operator"
HOME = "/_trimaran/"
FORM = re.compile(r"[A-Za-z0-9_-]{20,}")


def read_or_make(path: Path) -> str:
    """The token that is kept there, or a fresh one: pages that are open outlive the daemon's restart."""
    try:
        found = path.lstat()
        token = path.read_text().strip()
        if found.st_uid == os.getuid() and not found.st_mode & 0o077 and FORM.fullmatch(token):
            return token
    except (OSError, UnicodeError):
        pass
    path.unlink(missing_ok=True)
    token = secrets.token_urlsafe(24)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(token + "\n")
    return token


def require(app: QuartTrio, token: str) -> None:
    """Answer only who has the token: as a cookie, as a bearer, or (once, to be given the cookie) as `?token=`."""

    @app.before_request
    async def admit() -> Response | None:
        said = request.args.get("token", "")
        if said:
            if not _same(said, token):
                return _refusal()
            if request.path.rstrip("/") != HOME.rstrip("/"):
                return None
            # Out of the address line, the history and what is copied from it.
            return empty_response(303, {"Location": HOME, "Set-Cookie": _cookie(token)})
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(value.strip(), token):
            return None
        if _same(request.cookies.get(COOKIE, ""), token):
            return None
        return _refusal()


def _cookie(token: str) -> str:
    secure = "; Secure" if request.scheme == "https" else ""
    return f"{COOKIE}={token}; Path=/_trimaran; HttpOnly; SameSite=Strict{secure}"


def _same(said: str, token: str) -> bool:
    return hmac.compare_digest(said.encode(errors="replace"), token.encode())


def _refusal() -> Response:
    text = b"This page wants its token: open the address that the daemon printed at its start.\n"
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    return raw_response(text, 401, "text/plain; charset=utf-8", headers)
