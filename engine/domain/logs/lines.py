"""From json-file records to the lines that a receiver is sent."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.domain.logs.jsonfile import LINE_LIMIT
from engine.domain.logs.ports import Line
from engine.domain.logs.timestamps import parse


class _Record(msgspec.Struct, gc=False):
    log: str
    stream: str = ""
    time: str = ""


_records = msgspec.json.Decoder(_Record)


Parts = dict[str, int]
"""Of each stream whose last record was a part of a longer line: how many parts there were."""


class Decoded(NamedTuple):
    """`damaged` records could not be read; `parts` is for the next block."""

    lines: list[Line]
    damaged: int
    parts: Parts


def decode_block(block: bytes, parts: Parts) -> Decoded:
    """The block holds whole records. Nothing is remembered, so that it can be decoded again."""
    try:
        records = _records.decode_lines(block)
        damaged = 0
    except (msgspec.MsgspecError, UnicodeDecodeError):
        records, damaged = _singly(block)
    lines, parts = [], dict(parts)
    known = ("", 0)
    for record in records:
        if record.time != known[0]:
            try:
                known = record.time, parse(record.time)
            except ValueError:
                damaged += 1
                continue
        if record.log.endswith("\n") and record.stream not in parts:
            lines.append(Line(record.log[:-1], record.stream, known[1]))
        else:
            lines.append(_part(record, known[1], parts))
    return Decoded(lines, damaged, parts)


def _part(record: _Record, time_ns: int, parts: Parts) -> Line:
    text, stream = record.log, record.stream
    ordinal = parts.get(stream, 0) + 1
    # A shorter one without its newline is the last of its stream.
    more = not text.endswith("\n") and len(text.encode()) >= LINE_LIMIT
    if more:
        parts[stream] = ordinal
    else:
        parts.pop(stream, None)
    partial = more or ordinal > 1
    return Line(text.removesuffix("\n"), stream, time_ns, partial, more, ordinal if partial else 0)


def _singly(block: bytes) -> tuple[list[_Record], int]:
    records, damaged = [], 0
    for line in block.split(b"\n"):
        try:
            if line:
                records.append(_records.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            damaged += 1
    return records, damaged
