"""A daemon that plays by a script, for the demo's steps: what containers say is written down before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Self

from demo.checks import check
from demo.client import STDERR, STDOUT, ApiError, Frame
from demo.containers import Outcome
from demo.scene import Scene
from demo.screen import Screen

Play = Outcome | Callable[[bytes], Outcome]


class FakeStream:
    """A hijacked connection: the outcome comes when the input has ended, where there is one."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._input = bytearray()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, data: bytes) -> None:
        self._input += data

    def end_input(self) -> None:
        self._ended.set()

    def frames(self) -> Iterator[Frame]:
        if not isinstance(self._play, Outcome):
            assert self._ended.wait(5)
        outcome = played(self._play, bytes(self._input))
        for stream, data in ((STDOUT, outcome.stdout), (STDERR, outcome.stderr)):
            if data:
                yield Frame(stream, data)


def played(play: Play, data: bytes = b"") -> Outcome:
    return play if isinstance(play, Outcome) else play(data)


@dataclass
class FakeApi:
    """`runs` and `execs` by the container's name; `answers` by `METHOD path`; a list is used up."""

    runs: dict[str, Play] = field(default_factory=dict)
    execs: dict[str, Outcome] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    inspected: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    created: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        self.asked.append(f"{method} {path}")
        bare, _, query = path.partition("?")
        if bare == "/containers/create":
            name = query.partition("name=")[2]
            self.created[name] = body
            return {"Id": f"id-{name}"}
        match [method, *bare.split("/")[1:]]:
            case ["DELETE", "containers", name]:
                self.created.pop(name, None)
                return None
            case ["POST", "containers", _, "start" | "stop"]:
                return None
            case ["POST", "containers", name, "wait"]:
                return {"StatusCode": self._code(name)}
            case ["POST", "containers", name, "exec"]:
                return {"Id": name}
            case ["GET", "exec", name, "json"]:
                return {"ExitCode": self.execs[name].exit_code}
            case ["GET", "containers", name, "json"]:
                return self._next(self.inspected[name])
            case ["GET", "containers", "json"]:
                return [{"Names": [f"/{name}"]} for name in self.created]
        return self._answer(f"{method} {bare}")

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self.asked.append(f"{method} {path}")
        bare = path.partition("?")[0]
        match bare.split("/")[1:]:
            case ["containers", name, "logs"]:
                text = "".join(line + "\n" for line in self._next(self.logs[name])).encode()
                return b"\1\0\0\0" + len(text).to_bytes(4, "big") + text
        return bytes(self._answer(f"{method} {bare}"))

    def hijack(self, path: str, body: object = None) -> FakeStream:
        self.asked.append(f"POST {path}")
        _, kind, name, *_ = path.split("/")
        return FakeStream((self.runs if kind == "containers" else self.execs)[name])

    def _code(self, name: str) -> int:
        play = self.runs[name]
        return played(play).exit_code

    def _answer(self, key: str) -> Any:
        if key not in self.answers:
            raise ApiError(key, 404, b'{"message":"page not found"}')
        return self._next(self.answers[key])

    def _next(self, answer: Any) -> Any:
        """The last one of a tuple stays."""
        if isinstance(answer, tuple):
            first, *rest = answer
            if rest:
                self._replace(answer, tuple(rest))
            return first
        return answer

    def _replace(self, old: Any, new: Any) -> None:
        for table in (self.answers, self.inspected, self.logs):
            for key, value in table.items():
                if value is old:
                    table[key] = new  # type: ignore[assignment]
                    return


@dataclass
class FakeStage:
    api: FakeApi
    pages: list[str] = field(default_factory=list)
    pid: int = 100
    exit_code: int = 0
    leftovers: list[str] = field(default_factory=list)
    struck: bool = False
    kills: int = 0
    root: Path = Path("/nonexistent")
    netns: str = "demo"

    def start(self) -> float:
        self.pid += 1
        return 0.25

    def stop(self) -> int:
        return self.exit_code

    def kill(self) -> None:
        self.kills += 1

    def left(self) -> list[str]:
        return self.leftovers

    def strike(self) -> None:
        self.struck = True

    def gone(self) -> bool:
        return self.struck

    def inside(self, *command: str) -> str:
        return self.pages[0] if len(self.pages) == 1 else self.pages.pop(0)

    def command(self, *arguments: str) -> str:
        return " ".join(arguments)

    def log_tail(self) -> list[str]:
        return []


@dataclass
class FakeEvents:
    live: list[Any] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)
    connections: int = 2
    running: bool = False

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False

    def seen(self) -> list[Any]:
        return self.live

    def replay(self) -> list[Any]:
        return self.logged

    def expect(self, labels: tuple[str, ...]) -> None:
        check("events", [], list(labels))


class Theatre:
    """A scene with its stage, its events and what was printed."""

    def __init__(self, **parts: Any) -> None:
        self.api = FakeApi(**parts)
        self.stage = FakeStage(self.api)
        self.events = FakeEvents()
        self.out = StringIO()
        self.scene = Scene(self.stage, self.events, Screen(self.out))  # type: ignore[arg-type]


def said(out: bytes = b"", err: bytes = b"", code: int = 0) -> Outcome:
    return Outcome(out, err, code)
