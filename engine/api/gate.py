"""The gate: what the API answers while the daemon comes up.

Containers are in memory from the first moment, so lists and inspects answer; whatever would change or need
more waits for the rest of the daemon, and is told what it waited for when that takes too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import trio
from quart import request
from quart_trio import QuartTrio

from engine.errors import Unavailable

PATIENCE = 10.0
OPEN = re.compile(
    r"/(_ping|version|info|events|containers/json|containers/[^/]+/json|_trimaran(/.*)?)/?"
)


def guard(app: QuartTrio, ready: trio.Event, why: Callable[[], str]) -> None:
    """Hold requests back until `ready`; `why` names what is still coming up."""

    @app.before_request
    async def wait() -> None:
        if ready.is_set() or (request.method in ("GET", "HEAD") and OPEN.fullmatch(request.path)):
            return
        with trio.move_on_after(PATIENCE):
            await ready.wait()
            return
        raise Unavailable(f"the daemon is still starting: {why()}")
