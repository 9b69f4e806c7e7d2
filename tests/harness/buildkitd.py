"""A program in buildkitd's place: it reads the same configuration, and speaks gRPC on the same socket.

It builds nothing. `Control/Session` tells the session's headers, then answers each piece of bytes with
the same in capitals; `Control/ListWorkers` answers with what it was sent, and its own pid in a trailer.
`die` makes it exit.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from google.protobuf.wrappers_pb2 import BytesValue
from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "/moby.buildkit.v1.Control"


class Control:
    async def session(self, stream: Stream[Any, Any]) -> None:
        assert stream.metadata is not None
        told = sorted((k, str(v)) for k, v in stream.metadata.items() if k.startswith("x-docker"))
        await stream.send_message(BytesValue(value=json.dumps(told).encode() + b"\n"))
        while (message := await stream.recv_message()) is not None:
            if message.value == b"die":
                os._exit(3)
            await stream.send_message(BytesValue(value=message.value.upper()))

    async def workers(self, stream: Stream[Any, Any]) -> None:
        message = await stream.recv_message()
        await stream.send_message(message)
        await stream.send_trailing_metadata(metadata={"pid": str(os.getpid())})

    def __mapping__(self) -> dict[str, Handler]:
        both = (BytesValue, BytesValue)
        return {
            f"{SERVICE}/Session": Handler(self.session, Cardinality.STREAM_STREAM, *both),
            f"{SERVICE}/ListWorkers": Handler(self.workers, Cardinality.UNARY_UNARY, *both),
        }


def install(directory: Path) -> dict[str, str]:
    """Put it into a directory under its name; the environment that finds it there."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "buildkitd"
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m {__spec__.name} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def address(config: Path) -> str:
    settings = tomllib.loads(config.read_text())
    worker = settings["worker"]["containerd"]
    assert worker["enabled"], worker
    assert Path(worker["address"]).is_socket(), worker
    (found,) = settings["grpc"]["address"]
    return str(found).removeprefix("unix://")


async def serve(path: str) -> None:
    server = Server([Control()])
    await server.start(path=path)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(address(Path(sys.argv[sys.argv.index("--config") + 1]))))
