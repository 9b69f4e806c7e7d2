"""A start that failed for what is not there yet, tried again: a port, a mount's source, a device, a log server.

Beyond dockerd, which gives up for good: for containers with a restart policy, unless the label
`trimaran.start-retry=off` says otherwise. The delay doubles from 1 s to 8 s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.domain.containers.records import Container, State
from engine.errors import InvalidParameter

LABEL = "trimaran.start-retry"
VALUES = ("", "on", "off")
FIRST_DELAY_MS = 1_000
LAST_DELAY_MS = 8_000
"""What has come is in use within ten seconds, the start itself included."""
POLICIES = frozenset({"always", "unless-stopped", "on-failure"})

_NOT_YET = re.compile(
    r"port is already allocated|address already in use|cannot assign requested address"
    r"|bind source path does not exist|error gathering device information"
    r"|error mounting .*: no such (file or directory|device)|error while mounting volume"
    r"|failed to create endpoint .* on network .*: plugin \""
    r"|failed to initialize logging driver: .*"
    r"(dial|connect|refused|unreachable|no such host|no such file|timed? ?out)",
    re.IGNORECASE | re.DOTALL,
)


def check(switches: Mapping[str, str]) -> None:
    """InvalidParameter for a value of the label that says neither on nor off."""
    if (value := switches.get(LABEL, "")) not in VALUES:
        raise InvalidParameter(f"invalid label {LABEL}={value}: expected on or off")


def applies(container: Container, reason: str) -> bool:
    """Whether a start that failed for this reason is tried again."""
    wanted = container.switches.get(LABEL) != "off"
    policy = container.host.restart_policy.name in POLICIES
    return wanted and policy and _NOT_YET.search(reason) is not None


def put_off(container: Container, reason: str, exit_code: int, now_ns: int) -> State:
    """The state while it waits for its next try."""
    state = container.state
    before = state.backoff_ms if state.next_try_ns else 0
    delay = min(2 * before, LAST_DELAY_MS) if before else FIRST_DELAY_MS
    return container.with_state(
        error=reason,
        exit_code=exit_code,
        finished_ns=now_ns,
        backoff_ms=delay,
        next_try_ns=now_ns + delay * 1_000_000,
    ).state
