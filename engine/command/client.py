"""One HTTP request over a unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

DEADLINE = 10.0


class Unreachable(Exception):
    """Nobody answers there, or not with what was asked for."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self._path)


def fetch(path: str, target: str, statuses: tuple[int, ...] = (http.client.OK,)) -> Any:
    """The decoded JSON of a GET; Unreachable when there is none, or its status is another."""
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        if response.status not in statuses:
            raise Unreachable(f"{path} answers {response.status}: {body.decode(errors='replace')}")
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"no daemon answers at {path}: {error}") from error
    finally:
        connection.close()
