"""A server in this process on a unix socket, and a client that speaks raw HTTP to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import trio
from quart_trio import QuartTrio

from engine.api.app import create_app
from engine.api.listeners import Listener, UnixListener
from engine.api.server import Server

SECONDS = 15.0


@dataclass
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def serving(
    register: Callable[[QuartTrio], None], path: Path, *more: Listener, **options: Any
) -> AsyncIterator[Server]:
    """Serve the routes for the length of the block, which may take SECONDS at most."""
    server = Server(create_app(register), [UnixListener(path, "0"), *more], **options)
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(_run, server)
            yield server
            await server.stop()


async def _run(server: Server, *, task_status: trio.TaskStatus[None]) -> None:
    await server.run(task_status=task_status)


class Client:
    """One connection."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            await self.stream.aclose()

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_until(self, ending: bytes) -> bytes:
        found = b""
        while not found.endswith(ending):
            data = await self.stream.receive_some(1)
            assert data, found
            found += bytes(data)
        return found

    async def read_head(self) -> str:
        return (await self.read_until(b"\r\n\r\n")).decode()

    async def rest(self) -> bytes:
        found = b""
        async for data in self.stream:
            found += bytes(data)
        return found

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        given = [("Host", "docker"), *((k.replace("_", "-"), v) for k, v in headers.items())]
        if body:
            given.append(("Content-Length", str(len(body))))
        head = self.http.send(h11.Request(method=method, target=target, headers=given))
        end = self.http.send(h11.EndOfMessage()) if not body else b""
        sent = self.http.send(h11.Data(data=body)) if body else b""
        if body:
            end = self.http.send(h11.EndOfMessage())
        await self.send((head or b"") + (sent or b"") + (end or b""))
        return await self.answer()

    async def answer(self) -> Answer:
        response = await self._event()
        while isinstance(response, h11.InformationalResponse):
            response = await self._event()
        assert isinstance(response, h11.Response), response
        body = b""
        while isinstance(event := await self._event(), h11.Data):
            body += bytes(event.data)
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        headers = {k.decode(): v.decode() for k, v in response.headers.raw_items()}
        return Answer(response.status_code, response.reason.decode(), headers, body)

    async def _event(self) -> Any:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(bytes(await self.stream.receive_some(65536)))
        return event


async def connect(path: Path) -> Client:
    return Client(await trio.open_unix_socket(str(path)))


async def ask(path: Path, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    async with await connect(path) as client:
        return await client.ask(method, target, body, **headers)
