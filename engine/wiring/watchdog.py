"""What the watchdog looks at, and what `systemctl status` says of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import trio

from engine.domain.system.watchdog import WatchdogService
from supervisors.status import Node

if TYPE_CHECKING:
    from engine.daemon import Engine


def make_watchdog(engine: Engine) -> WatchdogService:
    """The loop turns (or nothing is asked), worker threads come back, the state can be read."""

    async def check() -> None:
        await trio.to_thread.run_sync(engine.database.head, abandon_on_cancel=True)

    return WatchdogService(
        engine.notifier,
        check,
        lambda: status_line(engine.root.status(), engine.containers.counts()[0]),
    )


def status_line(tree: Node, running: int) -> str:
    """Such as `3 containers running; images restarting`."""
    text = f"{running} container{'' if running == 1 else 's'} running"
    wrong = [f"{path} {state}" for path, state in _astray(tree, "") if state != "running"]
    return "; ".join([text, *wrong])


def _astray(node: Node, lead: str) -> Iterator[tuple[str, str]]:
    for child in node.children:
        path = f"{lead}{child.name}"
        yield path, child.state
        yield from _astray(child, f"{path}/")
