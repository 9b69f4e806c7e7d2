"""Responses: JSON as Go's encoder ends it, raw bytes, and streams flushed chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, cast

import msgspec
from quart import Response
from quart.wrappers.response import DataBody, IterableBody
from quart_trio.wrappers import TrioResponse

Source = AbstractAsyncContextManager[AsyncIterator[bytes]]

_encoder = msgspec.json.Encoder()


class StreamBody(IterableBody):
    """A body that arrives piece by piece. With `headers_first` its start does not wait for it.

    `source` is open while it is sent, so that work may run beside it.
    """

    def __init__(self, source: Source, *, headers_first: bool) -> None:
        self.source = source
        self.headers_first = headers_first


def encode(obj: Any) -> bytes:
    """JSON and a newline, for a line of a stream."""
    return _encoder.encode(obj) + b"\n"


def json_response(
    obj: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Anything that msgspec encodes; the body ends in a newline, as Go's encoder writes it."""
    return raw_response(encode(obj), status, headers=headers)


def raw_response(
    body: bytes,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Bytes that are ready."""
    return _response(DataBody(body), status, content_type, headers, length=len(body))


def empty_response(status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """A status without a body: 204, 304, or 201 of the few that write nothing."""
    return _response(
        DataBody(b""), status, None, headers, length=None if status in {204, 304} else 0
    )


def stream_response(
    chunks: AsyncIterable[bytes] | Source,
    content_type: str = "application/json",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    headers_first: bool = True,
) -> Response:
    """Each chunk is flushed as it comes; a client that leaves cancels the generator.

    `headers_first` sends the head before the first chunk is there (events, wait). Without it,
    an error raised before the first chunk is still an ordinary answer (pull, build).
    """
    source = chunks if isinstance(chunks, AbstractAsyncContextManager) else _closing(chunks)
    body = StreamBody(source, headers_first=headers_first)
    return _response(body, status, content_type, headers, length=None)


def _closing(chunks: AsyncIterable[bytes]) -> Source:
    return aclosing(cast(Any, aiter(chunks)))


def _response(
    body: Any,
    status: int,
    content_type: str | None,
    headers: Mapping[str, str] | None,
    *,
    length: int | None,
) -> Response:
    response = TrioResponse(body, status)
    del response.headers["Content-Type"]
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    if length is not None:
        response.headers["Content-Length"] = str(length)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response
