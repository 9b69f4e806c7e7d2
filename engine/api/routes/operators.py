"""The operators' endpoints beside the tree itself: health, tasks, configuration. None of them waits for another service."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

from quart import Response
from quart_trio import QuartTrio

from engine.api.responses import json_response
from engine.api.routes import status


class Verdict(Protocol):
    @property
    def serves(self) -> bool: ...


class Operators(Protocol):
    """What an operator may ask; all of it JSON-ready."""

    def tree(self) -> Mapping[str, object]: ...

    def health(self) -> Verdict: ...

    def tasks(self) -> Awaitable[Mapping[str, object]]: ...

    def configuration(self) -> Mapping[str, object]: ...

    def waiting_for(self) -> str: ...


def register(app: QuartTrio, operators: Operators) -> None:
    status.register(app, operators.tree)

    @app.get("/_trimaran/health")
    async def health() -> Response:
        verdict = operators.health()
        return json_response(verdict, 200 if verdict.serves else 503)

    @app.get("/_trimaran/tasks")
    async def tasks() -> Response:
        return json_response(await operators.tasks())

    @app.get("/_trimaran/config")
    async def config() -> Response:
        return json_response(operators.configuration())
