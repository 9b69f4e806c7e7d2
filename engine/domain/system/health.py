"""The engine's health, judged from the supervision tree and from what the vigil has heard. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from engine.domain.containers.restoring import Progress
from engine.domain.system.vigil import Answer
from supervisors import Node

State = Literal["starting", "ok", "degraded", "failed"]
ORDER: tuple[State, ...] = ("ok", "degraded", "starting", "failed")
"""From the best to the worst; the engine's is the worst of its subsystems'."""
OF_TREE: dict[str, State] = {
    "running": "ok",
    "stopped": "ok",
    "starting": "starting",
    "restarting": "degraded",
    "stopping": "degraded",
    "quarantined": "failed",
    "failed": "failed",
}


class Subsystem(msgspec.Struct, frozen=True):
    """One service of the engine, with all below it. Times in unix seconds; `last_success` is null for what
    has not been asked for anything."""

    name: str
    state: State
    reason: str
    since: float
    last_success: float | None
    restarts: int


class Health(msgspec.Struct, frozen=True):
    """`started` once the tree has come up as a whole."""

    state: State
    started: bool
    subsystems: list[Subsystem]
    restore: Progress

    @property
    def serves(self) -> bool:
        """Can it do its work, if perhaps not all of it?"""
        return self.state in ("ok", "degraded")


def judge(tree: Node, answers: Mapping[str, Answer], restore: Progress) -> Health:
    """`answers` by the names of the tree's children."""
    subsystems = [_subsystem(child, answers.get(child.name)) for child in tree.children]
    states = [each.state for each in subsystems]
    if tree.state in ("starting", "restarting"):
        states.append("starting")
    return Health(
        state=max(states, key=ORDER.index, default="starting"),
        started=tree.state == "running",
        subsystems=subsystems,
        restore=restore,
    )


def _subsystem(node: Node, answer: Answer | None) -> Subsystem:
    state, reason, since = OF_TREE[node.state], node.last_error or "", node.since
    if state == "ok":
        reason = ""
        if worse := next((each for each in _below(node) if OF_TREE[each.state] != "ok"), None):
            state, since = "degraded", worse.since
            reason = f"{worse.name} is {worse.state}"
            if worse.last_error:
                reason += f": {worse.last_error}"
        if answer is not None and not answer.well:
            # It is kept up, and does not do its work: an outage, which a restart would not end.
            state, reason, since = "failed", answer.reason, answer.since
    successes = [box.last_success for each in (node, *_below(node)) for box in each.mailboxes]
    if answer is not None:
        successes.append(answer.last_success)
    return Subsystem(
        name=node.name,
        state=state,
        reason=reason,
        since=since,
        last_success=max((each for each in successes if each is not None), default=None),
        restarts=node.restarts + sum(each.restarts for each in _below(node)),
    )


def _below(node: Node) -> Iterable[Node]:
    for child in node.children:
        yield child
        yield from _below(child)
