"""POST /_trimaran/reload: what SIGHUP does, with an answer; `dry-run=1` only says what it would do."""

from __future__ import annotations

from typing import Protocol

from quart import Response, request
from quart_trio import QuartTrio

from engine.api.queries import parse_bool
from engine.api.responses import json_response
from engine.models.reload import ReloadReport


class Reload(Protocol):
    """`Reloader.reload`."""

    async def __call__(self, *, dry_run: bool = ...) -> ReloadReport: ...


def register(app: QuartTrio, reload: Reload) -> None:
    @app.post("/_trimaran/reload")
    async def reload_configuration() -> Response:
        report = await reload(dry_run=parse_bool(request.args.get("dry-run")))
        return json_response(report, 200 if report.accepted else 400)
