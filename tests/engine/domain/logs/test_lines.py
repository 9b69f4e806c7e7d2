from __future__ import annotations

from engine.domain.logs.jsonfile import EMPTY, LINE_LIMIT, LineAssembler
from engine.domain.logs.lines import decode_block
from engine.domain.logs.ports import Line


def block(text: bytes, stream: str = "stdout", *, end: bool = False) -> bytes:
    assembler = LineAssembler(stream)
    made, held = assembler.feed(EMPTY, text, 5)
    return made + (assembler.finish(held, 5) if end else b"")


def test_record_becomes_a_line_without_its_newline() -> None:
    lines, damaged, parts = decode_block(block(b"one\ntwo\n", "stderr"), {})
    assert lines == [Line("one", "stderr", 5), Line("two", "stderr", 5)]
    assert (damaged, parts) == (0, {})


def test_parts_of_a_long_line_are_told_and_numbered() -> None:
    text = b"x" * LINE_LIMIT + b"y" * LINE_LIMIT + b"z\nshort\n"
    lines, _, parts = decode_block(block(text), {})
    told = [(line.text[:1], line.partial, line.more, line.ordinal) for line in lines]
    assert told == [
        ("x", True, True, 1),
        ("y", True, True, 2),
        ("z", True, False, 3),
        ("s", False, False, 0),
    ]
    assert parts == {}


def test_parts_go_on_in_the_next_block() -> None:
    first, second = block(b"x" * LINE_LIMIT), block(b"end\n")
    _, _, parts = decode_block(first, {})
    assert parts == {"stdout": 1}
    for _ in range(2):  # also when it is decoded again
        lines, _, after = decode_block(second, parts)
        assert [(line.partial, line.more, line.ordinal) for line in lines] == [(True, False, 2)]
        assert after == {}


def test_last_line_without_a_newline_is_no_part() -> None:
    lines, _, _ = decode_block(block(b"one\nlast", end=True), {})
    assert lines[-1] == Line("last", "stdout", 5)


def test_damaged_records_are_counted() -> None:
    good = block(b"one\n")
    lines, damaged, _ = decode_block(b"rubbish\n" + good + b'{"log":"x\\n","time":"never"}\n', {})
    assert [line.text for line in lines] == ["one"]
    assert damaged == 2
