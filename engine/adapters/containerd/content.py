"""The content store: blobs by digest."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
from google.protobuf.field_mask_pb2 import FieldMask

from engine.adapters.containerd.calls import TIMEOUT, Calls, MessageStream
from engine.adapters.containerd.gen import content_grpc, content_pb2
from engine.adapters.containerd.ingest import LOCK_RETRY, Writer, open_writer
from engine.adapters.containerd.records import ContentInfo, IngestStatus, label_paths, seconds
from engine.errors import EngineError, InvalidParameter, SystemFailure

ABORT_TRIES = 10


def info(content: content_pb2.Info) -> ContentInfo:
    return ContentInfo(
        digest=content.digest,
        size=content.size,
        labels=dict(content.labels),
        created_at=seconds(content.created_at),
        updated_at=seconds(content.updated_at),
    )


def ingest_status(status: content_pb2.Status) -> IngestStatus:
    return IngestStatus(
        ref=status.ref,
        offset=status.offset,
        total=status.total,
        expected=status.expected,
        started_at=seconds(status.started_at),
        updated_at=seconds(status.updated_at),
    )


class ContentReader:
    """The bytes of a blob, in pieces as containerd sends them (up to 1 MiB)."""

    def __init__(self, calls: Calls, stub: content_grpc.ContentStub, digest: str) -> None:
        self._calls = calls
        self._stub = stub
        self._request = content_pb2.ReadContentRequest(digest=digest)
        self._messages: MessageStream[content_pb2.ReadContentResponse] | None = None

    def span(self, offset: int, size: int) -> ContentReader:
        self._request.offset = offset
        self._request.size = size
        return self

    def __aiter__(self) -> ContentReader:
        return self

    async def __anext__(self) -> bytes:
        if self._messages is None:
            self._messages = await self._calls.stream(self._stub.Read, self._request)
        return (await self._messages.__anext__()).data

    async def __aenter__(self) -> ContentReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End a read half-way; a reader that is dropped does the same when collected."""
        if self._messages is not None:
            self._messages.close()


class Content:
    """containerd.services.content.v1. Blobs move on the bulk channel, all else on control."""

    def __init__(self, control: Calls, bulk: Calls) -> None:
        self._calls = control
        self._bulk = bulk
        self._stub = content_grpc.ContentStub(control.channel)
        self._bulk_stub = content_grpc.ContentStub(bulk.channel)

    async def info(self, digest: str, *, timeout: float = TIMEOUT) -> ContentInfo:
        request = content_pb2.InfoRequest(digest=digest)
        return info((await self._calls.unary(self._stub.Info, request, timeout=timeout)).info)

    async def list(self, *filters: str) -> list[ContentInfo]:
        request = content_pb2.ListContentRequest(filters=filters)
        async with await self._calls.stream(self._stub.List, request) as messages:
            return [info(content) async for message in messages for content in message.info]

    async def delete(self, digest: str, *, timeout: float = TIMEOUT) -> None:
        request = content_pb2.DeleteContentRequest(digest=digest)
        await self._calls.unary(self._stub.Delete, request, timeout=timeout)

    async def update_labels(
        self, digest: str, labels: Mapping[str, str], *, timeout: float = TIMEOUT
    ) -> ContentInfo:
        """Merge labels into those that are there; an empty value removes one."""
        request = content_pb2.UpdateRequest(
            info=content_pb2.Info(digest=digest, labels=labels),
            update_mask=FieldMask(paths=label_paths(labels)),
        )
        return info((await self._calls.unary(self._stub.Update, request, timeout=timeout)).info)

    def read(self, digest: str, offset: int = 0, size: int = 0) -> ContentReader:
        """Iterate over the bytes from `offset`, `size` of them (0: to the end)."""
        return ContentReader(self._bulk, self._bulk_stub, digest).span(offset, size)

    async def read_all(self, digest: str, limit: int = 16 * 1024 * 1024) -> bytes:
        """The whole blob; raises InvalidParameter when it is longer than `limit` bytes."""
        parts = []
        length = 0
        async with self.read(digest) as pieces:
            async for piece in pieces:
                length += len(piece)
                if length > limit:
                    raise InvalidParameter(f"content {digest} is longer than {limit} bytes")
                parts.append(piece)
        return b"".join(parts)

    @asynccontextmanager
    async def writer(
        self,
        ref: str,
        *,
        size: int = 0,
        expected: str = "",
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> AsyncIterator[Writer]:
        """Upload a blob under `ref`; one that was left half-way goes on at `writer.offset`.

        When content with the digest `expected` is there, `writer.exists` is set and writes and
        commit do nothing. Leaving without a commit keeps the upload, to be resumed or aborted.
        """
        writer = await open_writer(
            self._bulk, self._bulk_stub, ref, size=size, expected=expected, lease=lease
        )
        writer.labels = dict(labels or {})
        try:
            yield writer
            await writer.finish()
        except EngineError:
            await writer.finish()  # what was sent before it is to be there for the next attempt
            raise
        finally:
            writer.close()

    async def abort(self, ref: str, *, timeout: float = TIMEOUT) -> None:
        """Drop an upload. One that was cancelled just now may have to let go of its files first."""
        request = content_pb2.AbortRequest(ref=ref)
        for _ in range(ABORT_TRIES):
            try:
                await self._calls.unary(self._stub.Abort, request, timeout=timeout)
                return
            except SystemFailure as error:
                if "directory not empty" not in error.message:
                    raise
            await trio.sleep(LOCK_RETRY)
        await self._calls.unary(self._stub.Abort, request, timeout=timeout)

    async def status(self, ref: str, *, timeout: float = TIMEOUT) -> IngestStatus:
        request = content_pb2.StatusRequest(ref=ref)
        reply = await self._calls.unary(self._stub.Status, request, timeout=timeout)
        return ingest_status(reply.status)

    async def statuses(
        self, *filters: str, timeout: float = TIMEOUT
    ) -> builtins.list[IngestStatus]:
        request = content_pb2.ListStatusesRequest(filters=filters)
        reply = await self._calls.unary(self._stub.ListStatuses, request, timeout=timeout)
        return [ingest_status(status) for status in reply.statuses]
