"""From json-file records to what the API sends: selected, stamped and framed, a block at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TypeVar
from urllib.parse import quote_plus

import msgspec

from engine.domain.logs.timestamps import format_fixed, parse
from engine.domain.streams.frames import header


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted, and how. `tail` counts records before all other filters do."""

    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    tail: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    timestamps: bool = False
    details: bool = False


class _Line(msgspec.Struct, gc=False):
    log: str
    stream: str = ""


class _Record(msgspec.Struct, gc=False):
    log: str
    stream: str = ""
    time: str = ""
    attrs: msgspec.Raw = msgspec.Raw(b"{}")


R = TypeVar("R")
_lines = msgspec.json.Decoder(_Line)
_records = msgspec.json.Decoder(_Record)
_attributes = msgspec.json.Decoder(dict[str, str])
_header = functools.lru_cache(maxsize=4096)(header)


class RecordDecoder:
    """Keeps one reader's place: whether the time limit is past, and what was damaged."""

    def __init__(self, selection: Selection, *, tty: bool) -> None:
        self._selection = selection
        self._tty = tty
        self._times = selection.since_ns is not None or selection.until_ns is not None
        self._plain = not (self._times or selection.timestamps or selection.details)
        chosen = {"stdout": selection.stdout, "stderr": selection.stderr}
        self._wanted = frozenset(name for name, wanted in chosen.items() if wanted)
        self.ended = False
        self.damaged = 0  # records that were skipped

    def decode(self, block: bytes) -> bytes:
        """The block holds whole lines. Damaged ones are skipped (dockerd 20.10 stops at them)."""
        if self._plain:
            wanted = self._wanted
            lines = self._parse(_lines, block)
            return self._join((r.stream, r.log.encode()) for r in lines if r.stream in wanted)
        return self._join(self._select(self._parse(_records, block)))

    def _parse(self, decoder: msgspec.json.Decoder[R], block: bytes) -> list[R]:
        try:
            return decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return list(self._parse_singly(decoder, block))

    def _parse_singly(self, decoder: msgspec.json.Decoder[R], block: bytes) -> Iterator[R]:
        for line in block.split(b"\n"):
            try:
                if line:
                    yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.damaged += 1

    def _select(self, records: list[_Record]) -> Iterator[tuple[str, bytes]]:
        since, until = self._selection.since_ns, self._selection.until_ns
        for record in records:
            try:
                time = _parse_time(record.time)
            except ValueError:
                self.damaged += 1
                continue
            if until is not None and time > until:
                self.ended = True
                return
            if record.stream in self._wanted and (since is None or time >= since):
                yield record.stream, self._prefix(record, time) + record.log.encode()

    def _prefix(self, record: _Record, time: int) -> bytes:
        prefix = b""
        if self._selection.timestamps:
            prefix = _stamp(time)
        if self._selection.details:
            prefix += _details(bytes(record.attrs)) + b" "
        return prefix

    def _join(self, lines: Iterable[tuple[str, bytes]]) -> bytes:
        if self._tty:
            return b"".join([data for _, data in lines])
        return b"".join([p for name, data in lines for p in (_header(name, len(data)), data)])


# The lines of a chunk share one time.
_parse_time = functools.lru_cache(maxsize=16)(parse)


@functools.lru_cache(maxsize=16)
def _stamp(time: int) -> bytes:
    return format_fixed(time).encode() + b" "


@functools.lru_cache(maxsize=16)
def _details(attributes: bytes) -> bytes:
    try:
        pairs = _attributes.decode(attributes)
    except msgspec.MsgspecError:
        return b""
    parts = [f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(pairs.items())]
    return ",".join(parts).encode()
