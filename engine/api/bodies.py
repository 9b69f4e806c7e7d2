"""Request bodies: pulled from the connection on demand, so that an upload is never held whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, TypeVar

from quart import request
from quart_trio.wrappers.request import TrioBody, TrioRequest

from engine.errors import EngineError, InvalidParameter
from engine.models import gojson

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]

JSON_LIMIT = 32 * 1024 * 1024  # bytes; no client's create request comes near


class PulledBody(TrioBody):
    """Quart's Body fills up as fast as the client sends; this one asks for each chunk."""

    receive: Receive | None = None
    _ended = False
    _kept: bytes = b""

    def __aiter__(self) -> PulledBody:
        return self

    async def __anext__(self) -> bytes:
        if self._kept:
            kept, self._kept = self._kept, b""
            return kept
        while not self._ended:
            chunk = await self._pull()
            if chunk:
                return chunk
        raise StopAsyncIteration

    def __await__(self) -> Generator[Any, None, Any]:
        return self.read(None).__await__()

    async def read(self, limit: int | None) -> bytes:
        """The rest of the body; raises InvalidParameter when it is larger than the limit."""
        found = bytearray()
        async for chunk in self:
            found += chunk
            if limit is not None and len(found) > limit:
                raise InvalidParameter(f"request body is larger than {limit} bytes")
        return bytes(found)

    async def ahead(self, limit: int) -> bytes | None:
        """The whole body, which is still there to be read; None for one that is larger than the limit."""
        found = bytearray(self._kept)
        while not self._ended and len(found) <= limit:
            found += await self._pull()
        self._kept = bytes(found)
        return self._kept if len(found) <= limit else None

    async def _pull(self) -> bytes:
        if self.receive is None:
            raise RuntimeError("this request has no body to read")
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise ClientGone("the client went away while it sent its request")
        self._ended = not message.get("more_body", False)
        return bytes(message.get("body", b""))


class ClientGone(EngineError):
    """The connection ended inside the request; nobody is there to read the answer."""


class ApiRequest(TrioRequest):
    """A request whose body is pulled."""

    body_class = PulledBody
    body: PulledBody


def body_stream() -> AsyncIterator[bytes]:
    """The request's body in chunks of at most 64 KiB; a slow reader slows the client down."""
    body: PulledBody = request.body  # type: ignore[assignment]
    return body


async def read_body(*, limit: int = JSON_LIMIT) -> bytes:
    """The whole body; raises InvalidParameter when it is larger than the limit."""
    body: PulledBody = request.body  # type: ignore[assignment]
    return await body.read(limit)


async def read_json(model: type[T], *, limit: int = JSON_LIMIT) -> T:
    """The body as a Struct, with dockerd's answers to what is no JSON.

    No body at all is an empty object, as in moby's httputils.ReadJSON.
    """
    kind = request.headers.get("Content-Type", "")
    empty = request.headers.get("Transfer-Encoding") is None and not request.content_length
    if not (empty and not kind):
        check_content_type(kind)
    body = await read_body(limit=limit)
    return gojson.decode(b"{}" if empty else body, model)


def check_content_type(text: str) -> None:
    """Raise InvalidParameter unless it is application/json; parameters are ignored."""
    if text.split(";")[0].strip().lower() != "application/json":
        raise InvalidParameter(f"Content-Type specified ({text}) must be 'application/json'")
