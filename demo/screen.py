"""What the demo prints: numbered steps, events as they come, results with their times."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import TextIO

INDENT = " " * 6
RESULT_WIDTH = 78

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"


class Screen:
    """Lines from the steps and from the event reader's thread, one at a time."""

    def __init__(self, out: TextIO, *, colour: bool | None = None) -> None:
        self._out = out
        wanted = out.isatty() and "NO_COLOR" not in os.environ
        self._colour = wanted if colour is None else colour
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        self._print(text)

    def title(self, number: int, text: str) -> None:
        self._print(f"\n{number:3}   {self._paint(text, BOLD)}")

    def event(self, text: str) -> None:
        self._print(INDENT + self._paint(f"· {text}", DIM))

    def detail(self, text: str) -> None:
        for line in text.splitlines():
            self._print(f"{INDENT}  {self._paint(line, CYAN)}")

    def result(self, text: str, seconds: float) -> None:
        """The checked end of a step."""
        padded = f"{INDENT}{text}".ljust(RESULT_WIDTH)
        self._print(f"{padded}  {self._paint('ok', GREEN)} {seconds * 1000:7.0f} ms")

    def failure(self, text: str, expected: object = None, got: object = None) -> None:
        self._print(f"{INDENT}{self._paint('FAILED', RED)}  {text}")
        if expected is not None or got is not None:
            self._print(f"{INDENT}  expected  {expected!r}\n{INDENT}  got       {got!r}")

    def quote(self, heading: str, lines: Iterable[str]) -> None:
        self._print(f"{INDENT}{heading}")
        for line in lines:
            self._print(f"{INDENT}{self._paint('| ' + line, DIM)}")

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def _print(self, text: str) -> None:
        with self._lock:
            print(text, file=self._out, flush=True)
