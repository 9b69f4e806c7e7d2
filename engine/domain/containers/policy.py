"""Restart policies (row 62) as pure functions: whether a run is followed by another one, and how soon."""

from __future__ import annotations

from engine.domain.containers.records import Container, State, Status

FIRST_DELAY_MS = 100
"""Doubles from restart to restart up to LAST_DELAY_MS, as dockerd's does."""
LAST_DELAY_MS = 60_000
HEALTHY_RUN_NS = 10_000_000_000
"""A run that lasted so long starts the delays anew."""


def follows(container: Container, exit_code: int) -> bool:
    """Whether an exit that nobody asked for is followed by a restart."""
    policy = container.host.restart_policy
    match policy.name:
        case "always" | "unless-stopped":
            return True
        case "on-failure":
            limit = policy.maximum_retry_count
            return exit_code != 0 and (limit == 0 or container.state.restart_count < limit)
        case _:
            return False


def follows_boot(container: Container) -> bool:
    """Whether the daemon's start starts a container that does not run; `always` forgives a manual stop."""
    state = container.state
    if state.status is Status.RESTARTING:
        return True
    if state.status is not Status.EXITED or state.generation == 0:
        return False
    if state.manually_stopped and container.host.restart_policy.name != "always":
        return False
    return follows(container, state.exit_code)


def next_delay_ms(state: State, ran_ns: int) -> int:
    if ran_ns >= HEALTHY_RUN_NS or not state.backoff_ms:
        return FIRST_DELAY_MS
    return min(2 * state.backoff_ms, LAST_DELAY_MS)


def is_spent(container: Container) -> bool:
    """Auto-remove has come due: the run is over, or its start has failed."""
    state = container.state
    over = state.status is Status.EXITED or (state.status is Status.CREATED and bool(state.error))
    return over and container.host.auto_remove
