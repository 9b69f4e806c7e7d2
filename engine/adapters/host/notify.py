"""What systemd is told (sd_notify(3)): datagrams to the socket that it named, nothing without one."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
EXTENSION_USEC = 30_000_000
"""What is asked for at a time while the daemon comes up or goes down."""


class Notifier:
    """Sending never blocks and never fails: who cannot be told is not waited for.

    `watchdog` is the time in seconds within which systemd wants to hear of us, None for never.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog if address else None

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str], pid: int) -> Notifier:
        """The variables are taken out: what the daemon starts is not to speak in its name."""
        address, microseconds, meant = (environ.pop(each, "") for each in VARIABLES)
        watchdog = int(microseconds) / 1e6 if microseconds.isdecimal() else None
        return cls(address, watchdog if meant in ("", str(pid)) else None)

    @property
    def enabled(self) -> bool:
        return bool(self._address)

    def send(self, *assignments: str) -> None:
        """Such as READY=1; several are one message."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", assignments[0], error)

    def ready(self) -> None:
        self.send("READY=1", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self.send("STOPPING=1")

    def extend(self) -> None:
        self.send(f"EXTEND_TIMEOUT_USEC={EXTENSION_USEC}")
