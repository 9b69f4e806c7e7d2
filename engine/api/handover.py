"""Listening sockets that outlive a change of program: the daemon becomes its successor, in the same process.

While nobody accepts, the kernel queues who connects: no client is refused.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import MutableMapping

VARIABLE = "TRIMARAN_SOCKETS"


class Handover:
    """`wanted`: this daemon ends to be followed by another one. Keys name what was asked to be listened on."""

    def __init__(self, inherited: dict[str, int] | None = None) -> None:
        self.wanted = False
        self._inherited = dict(inherited or {})
        self._kept: dict[str, int] = {}

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str], pid: int) -> Handover:
        """What the predecessor left; the variable goes, and counts for this process alone."""
        text = environ.pop(VARIABLE, "")
        if not text:
            return cls()
        found = json.loads(text)
        return cls(found["sockets"] if found["pid"] == pid else {})

    def take(self, key: str) -> socket.socket | None:
        """The predecessor's socket for this address, once."""
        number = self._inherited.pop(key, None)
        if number is None:
            return None
        os.set_inheritable(number, False)
        return socket.socket(fileno=number)

    def keep(self, key: str, sock: socket.socket) -> None:
        """For the successor; the socket is not closed."""
        number = sock.detach()
        os.set_inheritable(number, True)
        self._kept[key] = number

    def close_rest(self) -> None:
        """What the predecessor listened on and this daemon does not."""
        for key in tuple(self._inherited):
            sock = self.take(key)
            if sock is not None:
                sock.close()

    def environment(self) -> dict[str, str]:
        """For the successor."""
        return {VARIABLE: json.dumps({"pid": os.getpid(), "sockets": self._kept})}
