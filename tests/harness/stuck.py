"""A daemon whose way to containerd leads through a proxy, with deadlines short enough for a test.

Run as `python -m tests.harness.stuck` with the daemon's arguments; TRIMARAN_PROXY is the proxy's
socket, TRIMARAN_DEADLINE the seconds that a task's calls have.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import engine.__main__ as entry
import engine.daemon
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.tasks import Tasks
from tests.harness.daemon import Daemon
from tests.harness.proxy import Proxy

DEADLINE = 6.0


class StuckDaemon(Daemon):
    """`proxy` holds what it is told to; the tasks' calls that are held fail after DEADLINE seconds."""

    module = "tests.harness.stuck"

    def launch(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        self.proxy = Proxy(self.root / "proxy.sock", self.root / "exec/containerd/containerd.sock")
        told = {"TRIMARAN_PROXY": f"{self.root}/proxy.sock", "TRIMARAN_DEADLINE": str(DEADLINE)}
        super().launch(*extra, environment={**told, **(environment or {})})

    def close(self) -> None:
        self.proxy.release()
        super().close()
        self.proxy.close()


def main() -> int:
    proxy, deadline = os.environ["TRIMARAN_PROXY"], float(os.environ["TRIMARAN_DEADLINE"])

    def channel(path: str, **options: Any) -> Channel:
        assert path != proxy
        return Channel(proxy, **options)

    engine.daemon.Channel = channel  # type: ignore[assignment, misc]
    for call in (Tasks.create, Tasks.kill, Tasks.delete):
        assert call.__kwdefaults__ is not None
        call.__kwdefaults__["timeout"] = deadline
    return entry.main()


if __name__ == "__main__":
    sys.exit(main())
