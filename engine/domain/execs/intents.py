"""What the store remembers of execs: an intent for as long as the process may be there.

It is opened before containerd hears of the process, says from the start's answer on that the
process runs, and is closed with its end. So the next daemon undoes half a start, and goes on with
what runs: its output is drained, its end is heard of and cleaned up after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import msgspec

from engine.domain.events.facade import Batch, Intent
from engine.domain.execs.records import Exec
from engine.domain.streams.session import ProcessStreams
from engine.models.execs import ExecConfig

log = logging.getLogger(__name__)

KIND = "exec"


class _Detail(msgspec.Struct):
    container: str
    config: ExecConfig
    pid: int


def opening(exec: Exec) -> Batch:
    """`pid` 0 says that the start is not complete."""
    detail = _Detail(exec.container_id, exec.config, exec.pid)
    intent = Intent(KIND, exec.id, msgspec.to_builtins(detail))
    return Batch(durable=False).open(intent)


def closing(exec: Exec) -> Batch:
    return Batch(durable=False).close(KIND, exec.id)


def inherited(found: list[Intent], streams: Callable[[str, str], ProcessStreams]) -> Iterator[Exec]:
    """The execs of a former daemon, begun, and not known to have ended."""
    for intent in found:
        try:
            detail = msgspec.convert(intent.detail, _Detail)
        except msgspec.ValidationError as error:
            log.error("the intent of exec %s is damaged: %s", intent.subject, error)
            continue
        container = detail.container
        exec = Exec(intent.subject, container, detail.config, streams(container, intent.subject))
        exec.started = exec.begun = exec.created = exec.told = exec.inherited = True
        exec.running = bool(detail.pid)
        exec.pid = detail.pid
        yield exec
