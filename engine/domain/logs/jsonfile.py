"""The encoding of json-file logs: chunks of output become dockerd's records, to the byte.

A whole chunk is encoded at once: one call of msgspec's string encoder for all its lines, and then
the separators between records are put where the newlines were. That needs a byte for the newline
that JSON leaves alone and that is rare in text: 0x7f. Where a chunk holds 0x7f itself, or a
character that Go escapes differently, 0x7f becomes an escape character, followed by a letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from engine.domain.logs.timestamps import format_nano

LINE_LIMIT = 16 * 1024  # dockerd's copier cuts longer lines into records of this size

_encode = msgspec.json.Encoder().encode
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_HEAD = b'{"log":"'

# What Go's log encoder writes other than msgspec's: before encoding, after encoding.
_DETOURS = (
    (b"\t", b"\x7ft", b"\\u0009"),
    (b"\b", b"\x7fb", b"\\u0008"),
    (b"\f", b"\x7ff", b"\\u000c"),
)
_INVALID = "\x7fr"  # stands for one byte that is not UTF-8
_HTML = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class Held(NamedTuple):
    """What a stream waits for: the start of a line, and the time of the line's first part."""

    tail: bytes = b""
    line_ns: int = 0  # 0: no part of the present line is written yet


EMPTY = Held()


class LineAssembler:
    """Cuts one stream's chunks into records. Holds no state: that is in `Held`, which the caller
    keeps, so that a chunk can be assembled again after a crash and come out the same."""

    def __init__(self, stream: str, attributes: Mapping[str, str] | None = None) -> None:
        self._stream = stream
        self._middle = f'","stream":"{stream}",'.encode()
        if attributes:
            self._middle += b'"attrs":' + encode_attributes(attributes) + b","

    def feed(self, held: Held, chunk: bytes, now_ns: int) -> tuple[bytes, Held]:
        """The records that the chunk completes, and what is held after it."""
        data = held.tail + chunk if held.tail else chunk
        if not held.line_ns and not _has_long_line(data):
            cut = data.rfind(b"\n") + 1
            records = encode_lines(data[:cut], self._ending(now_ns)) if cut else b""
            return records, Held(data[cut:])
        return self._feed_long(data, held.line_ns, now_ns)

    def finish(self, held: Held, now_ns: int) -> bytes:
        """The last record at the end of the stream: a line without its newline."""
        if not held.tail:
            return b""
        return encode_lines(held.tail, self._ending(held.line_ns or now_ns))

    def _ending(self, ns: int) -> bytes:
        return self._middle + b'"time":"%s"}\n' % format_nano(ns).encode()

    def _feed_long(self, data: bytes, line_ns: int, now_ns: int) -> tuple[bytes, Held]:
        # The parts of a long line all bear the time of its first part, as dockerd's do.
        out: list[bytes] = []
        start = 0
        while True:
            end = data.find(b"\n", start, start + LINE_LIMIT) + 1
            partial = not end
            if partial:
                end = start + LINE_LIMIT
                if end > len(data):
                    return b"".join(out), Held(data[start:], line_ns)
            elif not line_ns:
                end = _end_of_short_lines(data, start, end)
            out.append(encode_lines(data[start:end], self._ending(line_ns or now_ns)))
            line_ns = (line_ns or now_ns) if partial else 0
            start = end


def _has_long_line(data: bytes) -> bool:
    position, size = 0, len(data)
    while size - position >= LINE_LIMIT:
        newline = data.rfind(b"\n", position, position + LINE_LIMIT)
        if newline < 0:
            return True
        position = newline + 1
    return False


def _end_of_short_lines(data: bytes, start: int, end: int) -> int:
    """The end of the run of whole short lines that begins at start; `end` is its first's end."""
    while end - start < 4 * LINE_LIMIT:
        newline = data.rfind(b"\n", end, end + LINE_LIMIT)
        if newline < 0:
            break
        end = newline + 1
    return end


def encode_lines(text: bytes, ending: bytes) -> bytes:
    """One record for each line of the text; only the last may be without a newline."""
    newline, escaped = _escape(text)
    body = escaped.replace(newline, b"\\n" + ending + _HEAD)
    if newline == b"\x7fn":
        body = body.replace(b"\x7fd", b"\x7f")
    if text.endswith(b"\n"):
        return _HEAD + body[: -len(_HEAD)]
    return _HEAD + body + ending


def _escape(text: bytes) -> tuple[bytes, bytes]:
    """The text as the inside of a JSON string, and what stands for its newlines in there."""
    try:
        if b"\x7f" in text or b"\t" in text or b"\b" in text or b"\f" in text:
            return b"\x7fn", _escape_detoured(text)
        newline, escaped = b"\x7f", _encode(text.replace(b"\n", b"\x7f").decode())[1:-1]
    except UnicodeDecodeError:
        return b"\x7fn", _escape_detoured(text)
    return newline, _escape_for_html(text, escaped)


def _escape_detoured(text: bytes) -> bytes:
    coded = text.replace(b"\x7f", b"\x7fd").replace(b"\n", b"\x7fn")
    for raw, detour, _ in _DETOURS:
        coded = coded.replace(raw, detour)
    try:
        decoded = coded.decode()
    except UnicodeDecodeError:
        # Go replaces each undecodable byte; Python's own "replace" would merge some.
        decoded = _UNDECODABLE.sub(_INVALID, coded.decode(errors="surrogateescape"))
    escaped = _encode(decoded)[1:-1].replace(_INVALID.encode(), b"\\ufffd")
    for _, detour, final in _DETOURS:
        escaped = escaped.replace(detour, final)
    return _escape_for_html(text, escaped)


def _escape_for_html(text: bytes, escaped: bytes) -> bytes:
    for raw, final in _HTML:
        if raw in text:
            escaped = escaped.replace(raw, final)
    if not text.isascii():
        for raw, final in _SEPARATORS:
            escaped = escaped.replace(raw, final)
    return escaped


def encode_attributes(attributes: Mapping[str, str]) -> bytes:
    """A record's `attrs`: keys in order, escaped as Go's encoding/json does."""
    encoded = _encode(dict(sorted(attributes.items())))
    for raw, final in (*_HTML, *_SEPARATORS):
        encoded = encoded.replace(raw, final)
    return encoded
