"""Why a run began and why it ended: the attribute `cause` of the events `start` and `die`."""

from __future__ import annotations

import trio

from engine.domain.containers.modes import joined
from engine.domain.containers.records import Container
from engine.domain.containers.registry import Registry

API = "api"
EXIT = "exit"
OOM = "oom"
UNHEALTHY = "unhealthy"
SHUTDOWN = "daemon-shutdown"
DEPENDENCY = "dependency"
POLICY = "restart-policy"
BOOT = "daemon-start"
RETRY = "start-retry"

KILLED = 137
PATIENCE = 1.0


def of_end(
    container: Container, *, reason: str, ender: str, shutting_down: bool, orphaned: bool
) -> dict[str, str]:
    """`ender` is who asked for the end: "" nobody, "api" or "api BY", or the daemon itself (`daemon-shutdown`).

    `reason` is the engine's own for ending it (it is unhealthy).
    """
    if container.state.oom_killed:
        return {"cause": OOM}
    if reason:
        return {"cause": reason}
    if shutting_down or ender == SHUTDOWN:
        return {"cause": SHUTDOWN}
    if ender or container.state.manually_stopped:
        by = ender.partition(" ")[2]
        return {"cause": API, **({"by": by} if by else {})}
    return {"cause": DEPENDENCY if orphaned else EXIT}


def asked(by: str) -> str:
    """The ender of a run that somebody ends over the API."""
    return f"{API} {by}".strip()


def of_start(container: Container, *, boot: bool) -> dict[str, str]:
    """Of a start that nobody has asked for; `delay` in seconds."""
    state = container.state
    if boot:
        return {"cause": BOOT}
    if state.next_try_ns:
        return {"cause": RETRY}
    delay = f"{state.backoff_ms / 1000:g}"
    return {"cause": POLICY, "attempt": str(state.restart_count), "delay": delay}


async def orphaned(container: Container, registry: Registry, exit_code: int) -> bool:
    """Whether the container whose PID namespace it lives in has ended, which kills all that is in it.

    The kernel tells of that one's end last, so it is waited for a moment.
    """
    lender = joined(container.host.pid_mode)
    if lender is None or exit_code != KILLED:
        return False
    cell = registry.get(lender)
    if cell is None:
        return True
    with trio.move_on_after(PATIENCE):
        while cell.record.state.alive:
            await cell.exit_after(cell.exits)
    return not cell.record.state.alive
