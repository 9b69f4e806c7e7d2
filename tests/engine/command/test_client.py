from __future__ import annotations

import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.command.client import Unreachable, fetch


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"path": "%s"}' % self.path.encode()
        self.send_response(200 if self.path != "/bad" else 503)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "unix"


@contextmanager
def serving(path: Path) -> Iterator[None]:
    with socketserver.UnixStreamServer(str(path), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_the_answer_is_decoded(tmp_path: Path) -> None:
    with serving(tmp_path / "s"):
        assert fetch(str(tmp_path / "s"), "/x") == {"path": "/x"}


def test_a_refusal_is_unreachable(tmp_path: Path) -> None:
    with serving(tmp_path / "s"), pytest.raises(Unreachable, match="answers 503"):
        fetch(str(tmp_path / "s"), "/bad")


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no daemon answers"):
        fetch(str(tmp_path / "nothing"), "/x")
