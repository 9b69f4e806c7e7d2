"""Receivers of logs in memory: they may be down, and remember what they were sent."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from engine.domain.logs.ports import Destination, Line


class FakeReceivers:
    """`texts` by container's name. While `down` connects are refused, `stuck` ones hear nothing."""

    def __init__(self) -> None:
        self.down = False
        self.stuck = False
        self.texts: dict[str, list[str]] = {}
        self.connects = 0
        self.fail_after: int | None = None  # batches

    def open(self, destination: Destination) -> FakeSink:
        return FakeSink(self, destination)


class FakeSink:
    receiver = "fake://receiver"

    def __init__(self, receivers: FakeReceivers, destination: Destination) -> None:
        self._receivers = receivers
        self._texts = receivers.texts.setdefault(destination.subject.name, [])

    async def connect(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._receivers.down:
            raise ConnectionRefusedError(111, "Connection refused")
        self._receivers.connects += 1

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        return [line.text.encode() for line in lines]

    async def send(self, messages: Sequence[bytes]) -> None:
        await trio.lowlevel.checkpoint()
        if self._receivers.stuck:
            await trio.sleep_forever()
        if self._receivers.down:
            raise ConnectionResetError(104, "Connection reset by peer")
        if self._receivers.fail_after is not None:
            self._receivers.fail_after -= 1
            if self._receivers.fail_after < 0:
                self._receivers.fail_after = None
                raise BrokenPipeError(32, "Broken pipe")
        self._texts += [message.decode() for message in messages]

    def close(self) -> None:
        return
