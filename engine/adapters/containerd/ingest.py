"""One upload into the content store, over a stream of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import trio

from engine.adapters.containerd.calls import IDLE_LIMIT, Calls
from engine.adapters.containerd.channel import Stream
from engine.adapters.containerd.errors import AlreadyExists, raise_status, translated
from engine.adapters.containerd.gen import content_grpc, content_pb2
from engine.errors import Conflict, DeadlineExceeded, EngineError, Unavailable

PIECE = 1024 * 1024
COMMIT_LIMIT = 120.0  # containerd syncs the file to disk
AHEAD = 4
"""Writes that may wait for their answers, so that containerd hashes one while the next is on its way."""
LOCK_LIMIT = 2.0
LOCK_RETRY = 0.05


class Writer:
    """Bytes go to `write` in order; `commit` names the digest that they must have.

    `offset` is how far they were sent. What containerd could not take is told by a later write, or by the commit.
    """

    def __init__(self, stream: Stream, *, size: int, expected: str) -> None:
        self._stream = stream
        self._size = size
        self._expected = expected
        self.labels: dict[str, str] = {}
        self.offset = 0
        self.exists = False
        self._unanswered = 0

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
        """Hand over bytes; returns while containerd may still have the last few before it."""
        if self.exists:
            return
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            piece = bytes(view[start : start + PIECE])
            request = content_pb2.WriteContentRequest(
                action=content_pb2.WRITE, offset=self.offset, data=piece
            )
            await self._send(request, IDLE_LIMIT)
            self.offset += len(piece)
            while self._unanswered > AHEAD:
                await self._answer(IDLE_LIMIT)

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
                    pass
        self.close()

    def close(self) -> None:
        self._stream.abandon()

    async def _turn(
        self, request: content_pb2.WriteContentRequest, limit: float
    ) -> content_pb2.WriteContentResponse:
        """Send one request and take its answer, after those of the writes before it."""
        await self._send(request, limit)
        while self._unanswered > 1:
            await self._answer(limit)
        return await self._answer(limit)

    async def _send(self, request: content_pb2.WriteContentRequest, limit: float) -> None:
        if self._stream.over:
            raise Conflict("the upload is closed")
        with self._ended_by_failure(limit):
            await self._stream.send_message(request)
        self._unanswered += 1

    async def _answer(self, limit: float) -> content_pb2.WriteContentResponse:
        with self._ended_by_failure(limit):
            reply = await self._stream.recv_message()
            if reply is None:
                raise_status(self._stream)
                raise Unavailable("containerd: the upload ended early")
        assert isinstance(reply, content_pb2.WriteContentResponse)
        self._unanswered -= 1
        return reply

    @contextmanager
    def _ended_by_failure(self, limit: float) -> Iterator[None]:
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
