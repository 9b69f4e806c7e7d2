"""What becomes of a container that turns unhealthy: the label `trimaran.on-unhealthy=restart|stop|kill|none[:max]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.domain.containers import startretry
from engine.domain.containers.records import Container
from engine.errors import InvalidParameter

PREFIX = "trimaran."
LABEL = "trimaran.on-unhealthy"
ACTIONS = ("none", "restart", "stop", "kill")
REASON = "unhealthy"
"""The attribute `reason` of the `die` that follows."""


class Reaction(NamedTuple):
    """`most` is how often it may restart, None without limit."""

    action: str = "none"
    most: int | None = None


def switches(labels: Mapping[str, str]) -> dict[str, str]:
    """The create request's own switches; InvalidParameter for one that cannot be understood."""
    found = {name: value for name, value in labels.items() if name.startswith(PREFIX)}
    parse(found.get(LABEL, ""))
    startretry.check(found)
    return found


def parse(text: str) -> Reaction:
    action, separator, most = text.partition(":")
    if not text:
        return Reaction()
    if action not in ACTIONS or (separator and not most.isdecimal()):
        raise InvalidParameter(
            f"invalid label {LABEL}={text}: expected {'|'.join(ACTIONS)}, and :MAX for restart"
        )
    return Reaction(action, int(most) if separator else None)


def reaction(container: Container) -> Reaction:
    return parse(container.switches.get(LABEL, ""))


def restarts(container: Container) -> bool:
    """Whether the container that ended for its health is started again."""
    action, most = reaction(container)
    return action == "restart" and (most is None or container.state.restart_count < most)
