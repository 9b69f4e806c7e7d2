from __future__ import annotations

import pytest

from engine.domain.builds.dockerfile import LIMIT, parse, parse_line
from engine.errors import InvalidParameter


def test_lines_have_their_number_flags_and_words() -> None:
    made = parse(b"# escape=`\nFROM a\n\nCOPY --chown=1 x `\n  y\n")
    assert made.escape == "`"
    line = made.lines[1]
    assert (line.name, line.number, line.last, line.flags) == ("COPY", 4, 5, ("--chown=1",))
    assert line.value == ("x", "y")


def test_an_empty_line_in_the_middle_is_a_gap() -> None:
    assert parse(b"FROM a\nRUN b \\\n\n  c\n").gaps == ("RUN b   c",)
    assert parse(b"FROM a\nRUN b \\\n# no\n  c\n").gaps == ()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "the Dockerfile cannot be empty"),
        (b"# x\n", "failed to parse Dockerfile: file with no instructions"),
        (b"FROM a\nE\0NV x\n", "dockerfile parse error line 2: unknown instruction: E"),
        (b"FROM a\nENV x\n", "failed to parse Dockerfile: ENV must have two arguments"),
        (b"x" * (LIMIT + 1), "larger than"),
    ],
)
def test_what_cannot_be_read_is_refused(text: bytes, error: str) -> None:
    with pytest.raises(InvalidParameter, match=error):
        parse(text)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert parse(b"\xef\xbb\xbfFROM a\nENV x=\xff\n").lines[0].name == "FROM"


def test_here_documents_keep_their_quotes_and_lose_their_tabs() -> None:
    (line,) = parse(b"COPY <<'a' <<-b /d/\n\t$x\na\n\tindented\n\tb\n").lines
    assert [(each.name, each.content, each.quoted) for each in line.heredocs] == [
        ("a", "\t$x\n", True),
        ("b", "indented\n", False),
    ]


def test_a_trigger_is_one_line() -> None:
    assert parse_line("run x").name == "RUN"
    with pytest.raises(InvalidParameter, match="single expression"):
        parse_line("RUN x\nRUN y")
