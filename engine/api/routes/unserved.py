"""The Engine API's operations that are not served: each one refuses by its name, so that no client hangs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quart import Response
from quart_trio import QuartTrio

from engine.errors import Unavailable

NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)

SWARM = """
GET /swarm; POST /swarm/init; POST /swarm/join; POST /swarm/leave; POST /swarm/update; GET /swarm/unlockkey;
POST /swarm/unlock; GET /nodes; GET /nodes/<name>; DELETE /nodes/<name>; POST /nodes/<name>/update;
GET /services; POST /services/create; GET /services/<name>; DELETE /services/<name>;
POST /services/<name>/update; GET /services/<name>/logs; GET /tasks; GET /tasks/<name>; GET /tasks/<name>/logs;
GET /secrets; POST /secrets/create; GET /secrets/<name>; DELETE /secrets/<name>; POST /secrets/<name>/update;
GET /configs; POST /configs/create; GET /configs/<name>; DELETE /configs/<name>; POST /configs/<name>/update
"""


def operations(table: str) -> list[tuple[str, str]]:
    """(method, rule) of each entry."""
    entries = [entry.split() for entry in table.split(";")]
    return [(method, rule) for method, rule in entries]


def register(app: QuartTrio) -> None:
    for method, rule in operations(SWARM):
        _refuse(app, method, rule, Unavailable(NOT_A_MANAGER))


def _refuse(app: QuartTrio, method: str, rule: str, error: Exception) -> None:
    app.add_url_rule(rule, f"refuse {method} {rule}", _refusal(error), methods=[method])


def _refusal(error: Exception) -> Callable[..., Awaitable[Response]]:
    async def refuse(name: str = "") -> Response:  # noqa: ARG001  the rule's variable
        raise error

    return refuse
