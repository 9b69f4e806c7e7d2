"""One upload into the content store, over a stream of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import trio

from engine.adapters.containerd.calls import IDLE_LIMIT, Calls
from engine.adapters.containerd.channel import Stream
from engine.adapters.containerd.errors import AlreadyExists, raise_status, translated
from engine.adapters.containerd.gen import content_grpc, content_pb2
from engine.errors import Conflict, DeadlineExceeded, EngineError, Unavailable

PIECE = 1024 * 1024
AHEAD = 4  # pieces that may be on their way: containerd hashes and writes one while the next comes
COMMIT_LIMIT = 120.0  # containerd syncs the file to disk
LOCK_LIMIT = 2.0
LOCK_RETRY = 0.05


class Writer:
    """Bytes go to `write` in order; `commit` names the digest that they must have."""

    def __init__(self, stream: Stream, *, size: int, expected: str) -> None:
        self._stream = stream
        self._size = size
        self._expected = expected
        self.labels: dict[str, str] = {}
        self.offset = 0
        self.exists = False
        self._ahead = 0

    async def open(self, ref: str) -> None:
        request = content_pb2.WriteContentRequest(
            action=content_pb2.STAT, ref=ref, total=self._size, expected=self._expected
        )
        try:
            self.offset = (await self._turn(request, IDLE_LIMIT)).offset
        except AlreadyExists:
            self.exists = True
            self.offset = self._size
            self.close()

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over bytes. The last few pieces may be on their way when it returns: a later write, or the
        commit, tells what became of them."""
        if self.exists:
            return
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            request = content_pb2.WriteContentRequest(
                action=content_pb2.WRITE,
                offset=self.offset,
                data=bytes(view[start : start + PIECE]),
            )
            if self._ahead >= AHEAD:
                await self._answer(IDLE_LIMIT)
            await self._send(request, IDLE_LIMIT)
            self.offset += len(request.data)

    async def commit(
        self,
        size: int = 0,
        digest: str = "",
        labels: Mapping[str, str] | None = None,
        *,
        timeout: float = COMMIT_LIMIT,
    ) -> str:
        """Make the blob; its digest. Content that is there already is as good.

        Raises FailedPrecondition when size or digest differ from what was written.
        """
        if self.exists:
            return digest or self._expected
        request = content_pb2.WriteContentRequest(
            action=content_pb2.COMMIT,
            offset=self.offset,
            total=size or self._size,
            expected=digest or self._expected,
            labels={**self.labels, **(labels or {})},
        )
        try:
            committed = (await self._turn(request, timeout)).digest
        except AlreadyExists:
            committed = digest or self._expected
        self.exists = True
        self.close()
        return committed

    async def finish(self) -> None:
        """Leave the upload for later; returns when containerd has let go of it.

        A mere reset would let an abort that follows race with the closing of the files.
        """
        if not self._stream.over:
            with trio.move_on_after(LOCK_LIMIT), suppress(EngineError), translated(self._stream):
                await self._stream.end()
                while await self._stream.recv_message() is not None:
                    continue  # what went ahead is answered first
        self.close()

    def close(self) -> None:
        self._stream.abandon()

    async def _turn(
        self, request: content_pb2.WriteContentRequest, limit: float
    ) -> content_pb2.WriteContentResponse:
        """Send one request and take its answer, after those of the requests that went ahead."""
        await self._send(request, limit)
        while self._ahead > 1:
            await self._answer(limit)
        return await self._answer(limit)

    async def _send(self, request: content_pb2.WriteContentRequest, limit: float) -> None:
        if self._stream.over:
            raise Conflict("the upload is closed")
        async with self._closed_by_errors(limit):
            await self._stream.send_message(request)
        self._ahead += 1

    async def _answer(self, limit: float) -> content_pb2.WriteContentResponse:
        async with self._closed_by_errors(limit):
            reply = await self._stream.recv_message()
        self._ahead -= 1
        if reply is None:
            self.close()
            raise_status(self._stream)
            raise Unavailable("containerd: the upload ended early")
        assert isinstance(reply, content_pb2.WriteContentResponse)
        return reply

    @asynccontextmanager
    async def _closed_by_errors(self, limit: float) -> AsyncIterator[None]:
        try:
            with trio.fail_after(limit), translated(self._stream):
                yield
        except trio.TooSlowError:
            self.close()
            raise DeadlineExceeded("containerd: an upload got no answer") from None
        except BaseException:
            self.close()
            raise


async def open_writer(
    calls: Calls,
    stub: content_grpc.ContentStub,
    ref: str,
    *,
    size: int,
    expected: str,
    lease: str | None,
) -> Writer:
    """A writer for `ref`. The lock of one that was cancelled just now is waited for."""
    deadline = trio.current_time() + LOCK_LIMIT
    while True:
        stream = await calls.open(stub.Write, lease=lease)
        writer = Writer(stream, size=size, expected=expected)
        try:
            await writer.open(ref)
            return writer
        except Unavailable as error:
            if "locked" not in error.message or trio.current_time() > deadline:
                raise
        await trio.sleep(LOCK_RETRY)
