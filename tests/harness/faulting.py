"""The test's side of a faulty daemon: arm a fault, see whether it was hit, read the tree, measure the loop."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.harness.daemon import Daemon


@dataclass
class Hit:
    """What became of an armed fault; `where` is None when the operation ended before the nth await."""

    where: list[str] | None
    steps: int


class FaultyDaemon(Daemon):
    """Restarts are not limited in it, unless it is `limited` as the product is (see tests.harness.faulty)."""

    module = "tests.harness.faulty"

    def __init__(self, *arguments: str, limited: bool = False) -> None:
        super().__init__(*arguments)
        self._limits = "1" if limited else ""

    def launch(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        control = {"TRIMARAN_FAULTS": self._control, "TRIMARAN_LIMITS": self._limits}
        super().launch(*extra, environment={**control, **(environment or {})})

    @property
    def _control(self) -> str:
        return str(self.root / "faults.sock")

    def _tell(self, **message: Any) -> Any:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self._control)
            sock.sendall(json.dumps(message).encode() + b"\n")
            with sock.makefile("r") as answer:
                return json.loads(answer.readline())

    def arm(self, pattern: str, n: int) -> None:
        self._tell(do="arm", pattern=pattern, n=n)

    def freeze(self, mailbox: str) -> None:
        """Whoever reads it takes one more letter. Needs TRIMARAN_PATIENCE in the daemon's environment."""
        self._tell(do="freeze", mailbox=mailbox)

    def disarm(self) -> Hit:
        return Hit(**self._tell(do="disarm"))

    @contextmanager
    def counting(self) -> Iterator[dict[str, int]]:
        """How many awaits each service resumes from meanwhile, by path."""
        found: dict[str, int] = {}
        self._tell(do="count")
        yield found
        found.update(self._tell(do="counted"))

    @contextmanager
    def measuring(self, limit: float) -> Iterator[dict[str, Any]]:
        """The steps that hold the loop for longer than `limit` seconds meanwhile."""
        found: dict[str, Any] = {}
        self._tell(do="measure", limit=limit)
        yield found
        found.update(self._tell(do="measured"))

    def restarts(self) -> dict[str, tuple[int, str | None]]:
        """Of every service by path: how often it was restarted, and its last error."""
        found: dict[str, tuple[int, str | None]] = {}

        def walk(node: dict[str, Any], path: str) -> None:
            found[path] = (node["restarts"], node["last_error"])
            for child in node["children"]:
                walk(child, f"{path}/{child['name']}")

        walk(self.json("GET", "/_trimaran/status"), "root")
        return found

    def states(self) -> dict[str, str]:
        """Of every service by path, its state."""
        found: dict[str, str] = {}

        def walk(node: dict[str, Any], path: str) -> None:
            found[path] = node["state"]
            for child in node["children"]:
                walk(child, f"{path}/{child['name']}")

        walk(self.json("GET", "/_trimaran/status"), "root")
        return found


def processes_in(container_id: str) -> list[int]:
    """The pids in a container's cgroup."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cgroup") as lines:
                    if container_id in lines.read():
                        found.append(int(entry))
            except OSError:
                continue
    return found
