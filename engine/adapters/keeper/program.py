"""The keeper: a process of its own that holds FIFOs open and does nothing else.

A container that ends while no daemon runs leaves its last output in its FIFOs, and the kernel drops
it when the shim closes them, unless somebody else has them open. Run as a script with the path of
its socket, on the standard library alone. Datagrams: `+ID` with descriptors to hold, `-ID` to close
them, `=ID,ID,...` to close all others. It ends when no daemon is connected and nothing is held.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys

MOST_FDS = 8
SIZE = 256 * 1024
FIRST_CLIENT_SECONDS = 30.0


class Keeper:
    def __init__(self, path: str) -> None:
        self._held: dict[str, list[int]] = {}
        self._client: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener.bind(path)
        os.chmod(path, 0o600)
        self._listener.listen(4)

    def run(self) -> None:
        """Until there is nothing to do any more."""
        if not select.select([self._listener], [], [], FIRST_CLIENT_SECONDS)[0]:
            return
        self._accept()
        while self._client is not None or self._held:
            watched = [self._listener, *([self._client] if self._client else [])]
            ready = select.select(watched, [], [])[0]
            if self._listener in ready:
                self._accept()
            elif self._client is not None:
                self._receive(self._client)

    def _accept(self) -> None:
        """A new daemon takes the place of the last one."""
        if self._client is not None:
            self._client.close()
        self._client = self._listener.accept()[0]

    def _receive(self, client: socket.socket) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(client, SIZE, MOST_FDS)
        except OSError:
            data, fds = b"", []
        if not data:
            client.close()
            self._client = None
            return
        self._obey(chr(data[0]), data[1:].decode(), fds)

    def _obey(self, verb: str, subject: str, fds: list[int]) -> None:
        if verb == "+":
            self._close(subject)
            self._held[subject] = fds
        elif verb == "-":
            self._close(subject)
        elif verb == "=":
            known = set(subject.split(","))
            for each in [each for each in self._held if each not in known]:
                self._close(each)

    def _close(self, subject: str) -> None:
        for fd in self._held.pop(subject, []):
            os.close(fd)


if __name__ == "__main__":
    Keeper(sys.argv[1]).run()
