"""Containers through the API, as a step needs them: create, run to the end, look into, remove."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import Any

from demo.client import STDERR, STDOUT, Api, Frame, RawStream

IMAGE = "busybox:demo"


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    stdout: bytes
    stderr: bytes
    exit_code: int


def create(api: Api, name: str, script: str, **config: Any) -> str:
    """The ID of a new container that runs a shell script; `config` is the API's, by its names."""
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", script], **config}
    return str(api.json("POST", f"/containers/create?name={name}", body)["Id"])


def start(api: Api, name: str) -> None:
    api.json("POST", f"/containers/{name}/start")


def launch(api: Api, name: str, script: str, **config: Any) -> str:
    """Create and start."""
    id_ = create(api, name, script, **config)
    start(api, name)
    return id_


def run(api: Api, name: str, script: str, *, stdin: bytes | None = None, **config: Any) -> Outcome:
    """Create, attach, start, feed, and wait for the exit."""
    query = "stream=1&stdout=1&stderr=1"
    if stdin is not None:
        query += "&stdin=1"
        config |= {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
    create(api, name, script, **config)
    with api.hijack(f"/containers/{name}/attach?{query}") as stream:
        start(api, name)
        frames = converse(stream, stdin)
    code = int(api.json("POST", f"/containers/{name}/wait")["StatusCode"])
    return Outcome(part(frames, STDOUT), part(frames, STDERR), code)


def converse(stream: RawStream, stdin: bytes | None) -> list[Frame]:
    """Feed the input, if any, while reading the output to its end."""
    if stdin is None:
        return list(stream.frames())

    def feed() -> None:
        with contextlib.suppress(OSError):  # who reads the output sees that it is cut short
            stream.send(stdin)
            stream.end_input()

    feeder = threading.Thread(target=feed, name="stdin", daemon=True)
    feeder.start()
    frames = list(stream.frames())
    feeder.join(5)
    return frames


def execute(api: Api, name: str, *command: str) -> Outcome:
    """Run a command inside a running container."""
    config = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
    id_ = api.json("POST", f"/containers/{name}/exec", config)["Id"]
    with api.hijack(f"/exec/{id_}/start", {"Detach": False, "Tty": False}) as stream:
        frames = converse(stream, None)
    code = int(api.json("GET", f"/exec/{id_}/json")["ExitCode"])
    return Outcome(part(frames, STDOUT), part(frames, STDERR), code)


def inspect(api: Api, name: str) -> Any:
    return api.json("GET", f"/containers/{name}/json")


def remove(api: Api, name: str, *, force: bool = False) -> None:
    api.json("DELETE", f"/containers/{name}?force={int(force)}&v=1")


def part(frames: list[Frame], stream: int) -> bytes:
    return b"".join(frame.data for frame in frames if frame.stream == stream)
