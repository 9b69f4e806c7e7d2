"""A Dockerfile's text as instructions, read by the official parser, with dockerd's words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from engine.errors import InvalidParameter

__all__ = ["Dockerfile", "Heredoc", "Line", "parse", "parse_line"]

_DIRECTIVE = re.compile(r"^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
LIMIT = 16 << 20
"""Bytes; nobody writes such a Dockerfile, and the parser holds several copies of it."""


class Heredoc(msgspec.Struct, frozen=True):
    """`<<NAME`: `quoted` keeps variables as they are."""

    name: str
    content: str
    quoted: bool = False


class Line(msgspec.Struct, frozen=True):
    """One instruction. `name` and `trigger` (of an ONBUILD) are upper case; `number` counts from 1, `last` is its last line."""

    name: str
    original: str
    number: int = 1
    last: int = 1
    trigger: str = ""
    json: bool = False
    flags: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


class Dockerfile(msgspec.Struct, frozen=True):
    """`gaps` are the instructions with an empty line in their middle, which the parser joins over."""

    lines: tuple[Line, ...]
    escape: str = "\\"
    gaps: tuple[str, ...] = ()


def parse(data: bytes) -> Dockerfile:
    """Blocks. InvalidParameter with dockerd's text."""
    if len(data) > LIMIT:
        raise InvalidParameter(f"the Dockerfile is larger than {LIMIT} bytes")
    if not data.strip():
        raise InvalidParameter("the Dockerfile cannot be empty")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if any("\udc80" <= each <= "\udcff" for each in text):
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    _refuse_nul(text)
    lines = tuple(_lines(text))
    return Dockerfile(lines, _escape(text), tuple(_gaps(lines, text.split("\n"))))


def parse_line(text: str) -> Line:
    """A single instruction, as ONBUILD keeps it."""
    lines = _lines(text)
    if len(lines) != 1:
        raise InvalidParameter("onbuild trigger should be a single expression")
    return lines[0]


def _lines(text: str) -> list[Line]:
    import dockerfile  # at the first build: it brings Go's runtime along

    try:
        found: Sequence[Any] = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        raise InvalidParameter(f"failed to parse Dockerfile: {error}") from error
    return [_line(each) for each in found]


def _line(found: Any) -> Line:
    trigger = (found.sub_cmd or "").upper()
    return Line(
        name=found.cmd.upper(),
        original=found.original.rstrip("\n"),
        number=found.start_line,
        last=found.end_line,
        trigger=trigger,
        json=found.json,
        flags=tuple(found.flags),
        value=tuple(found.value),
        heredocs=tuple(_heredocs(found.heredocs, found.original)),
    )


def _gaps(lines: Iterable[Line], text: Sequence[str]) -> list[str]:
    return [
        line.original
        for line in lines
        if not line.heredocs and any(not each.strip() for each in text[line.number : line.last])
    ]


def _heredocs(found: Iterable[Any], original: str) -> list[Heredoc]:
    head = original.partition("\n")[0]
    return [
        Heredoc(
            each.name,
            _dedented(each.content) if f"<<-{each.name}" in head.replace('"', "") else each.content,
            quoted=re.search(rf"<<-?[\"']{re.escape(each.name)}[\"']", head) is not None,
        )
        for each in found
    ]


def _dedented(content: str) -> str:
    return re.sub(r"^\t+", "", content, flags=re.M)


def _escape(text: str) -> str:
    """The `# escape=` directive, which only stands before everything else."""
    for line in text.splitlines():
        found = _DIRECTIVE.match(line.strip())
        if found is None:
            break
        if found[1].lower() == "escape":
            return found[2]
    return "\\"


def _refuse_nul(text: str) -> None:
    """The parser's strings end at a NUL, and no instruction has one."""
    for number, line in enumerate(text.splitlines(), 1):
        if "\0" in line:
            word = (line.split() or [""])[0].upper()
            raise InvalidParameter(
                f"dockerfile parse error line {number}: unknown instruction: {word}"
            )
