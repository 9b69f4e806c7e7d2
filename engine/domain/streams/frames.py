"""The multiplexed stream of attach and logs: frames of `[stream, 0, 0, 0, length BE32] + data`."""

from __future__ import annotations

from collections.abc import Iterator

NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}
_NAMES = {number: name for name, number in NUMBERS.items()}
HEADER = 8


def header(stream: str, length: int) -> bytes:
    return (NUMBERS[stream] << 56 | length).to_bytes(HEADER, "big")


def frame(stream: str, data: bytes) -> bytes:
    return header(stream, len(data)) + data


class Demultiplexer:
    """Takes frames apart again, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        self._buffer += data
        while len(self._buffer) >= HEADER:
            end = HEADER + int.from_bytes(self._buffer[4:HEADER], "big")
            if len(self._buffer) < end:
                return
            yield _NAMES[self._buffer[0]], bytes(self._buffer[HEADER:end])
            del self._buffer[:end]

    @property
    def incomplete(self) -> bool:
        return bool(self._buffer)
