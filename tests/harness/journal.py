"""systemd's own journal service in a mount namespace of its own, and its own tool to read it back."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Self

PROGRAM = Path("/lib/systemd/systemd-journald")
LIMIT = 20.0
PLACE = """
mount -t tmpfs tmpfs /run/systemd && mount -t tmpfs tmpfs /run/log
mkdir -p /run/systemd/journald.conf.d /run/log/journal
cat > /run/systemd/journald.conf.d/test.conf <<END
[Journal]
Storage=volatile
ReadKMsg=no
Audit=no
RateLimitBurst=0
END
exec sleep 1000000
"""


def missing() -> str:
    """Why there is no journal on this machine; "" when there is one."""
    if not PROGRAM.exists() or shutil.which("journalctl") is None:
        return "systemd-journald is not installed"
    return "" if Path("/etc/machine-id").exists() else "the machine has no ID"


class Journal:
    """`with Journal() as journal:` makes its place; `start` the service. Programs started behind `prefix` find it."""

    def __enter__(self) -> Self:
        command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", PLACE]
        self._keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._service: subprocess.Popen[bytes] | None = None
        self.wait("/run/systemd/journald.conf.d/test.conf")
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._service, self._keeper):
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    @property
    def prefix(self) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt"]

    def start(self) -> None:
        self._service = subprocess.Popen([*self.prefix, str(PROGRAM)], stdin=subprocess.DEVNULL)
        self.wait("/run/systemd/journal/socket")

    def wait(self, path: str) -> None:
        deadline = time.monotonic() + LIMIT
        while subprocess.run([*self.prefix, "test", "-e", path], check=False).returncode:
            assert time.monotonic() < deadline, f"no {path}"
            time.sleep(0.02)

    def entries(self, *matches: str) -> list[dict[str, Any]]:
        """Oldest first, by journalctl."""
        command = ["journalctl", "-D", "/run/log/journal", "-o", "json", "--no-pager", *matches]
        done = subprocess.run([*self.prefix, *command], capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_for(self, count: int, *matches: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + LIMIT
        while len(found := self.entries(*matches)) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return found
