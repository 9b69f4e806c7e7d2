from __future__ import annotations

import struct

from engine.adapters.nft.monitor import generations


def message(kind: int, pid: int) -> bytes:
    attribute = struct.pack("=HH", 8, 2) + struct.pack(">I", pid)
    return struct.pack("=IHHII", 20 + len(attribute), kind, 0, 0, 0) + bytes(4) + attribute


def test_author_of_each_generation_is_read() -> None:
    new_rule, new_generation = (10 << 8) | 6, (10 << 8) | 15
    data = message(new_rule, 1) + message(new_generation, 4711) + message(new_generation, 42)
    assert generations(data) == [4711, 42]


def test_truncated_datagram_ends_the_reading() -> None:
    assert generations(b"\0" * 10) == []
    assert generations(struct.pack("=IHHII", 0, 0, 0, 0, 0)) == []
