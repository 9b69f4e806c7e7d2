"""The execs in memory, by ID, and the mailbox of their service. Passive; it outlives the service."""

from __future__ import annotations

from collections.abc import Iterator

from engine.domain.execs.messages import ExecMessage
from engine.domain.execs.records import Exec
from engine.domain.names import IdIndex
from supervisors import Mailbox


class ExecStore:
    def __init__(self) -> None:
        self.mailbox: Mailbox[ExecMessage] = Mailbox("execs", 1024)
        self._execs: dict[str, Exec] = {}
        self._ids = IdIndex("exec instance")

    def __iter__(self) -> Iterator[Exec]:
        return iter(list(self._execs.values()))

    def add(self, exec: Exec) -> None:
        self._execs[exec.id] = exec
        self._ids.add(exec.id)

    def get(self, exec_id: str) -> Exec | None:
        return self._execs.get(exec_id)

    def resolve(self, reference: str) -> Exec:
        """NotFound with dockerd's text."""
        return self._execs[self._ids.resolve(reference)]

    def discard(self, exec_id: str) -> None:
        if self._execs.pop(exec_id, None) is not None:
            self._ids.remove(exec_id)

    def of_container(self, container_id: str) -> list[Exec]:
        return [each for each in self if each.container_id == container_id]
