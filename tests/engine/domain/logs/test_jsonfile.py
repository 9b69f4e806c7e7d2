"""The json-file encoder against a naive one, and against what dockerd 20.10 wrote."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from engine.domain.logs.jsonfile import (
    LINE_LIMIT,
    Held,
    LineAssembler,
    encode_attributes,
    encode_lines,
)

NOW = 1_795_491_946_801_446_612
ENDING = b'","stream":"stdout","time":"2026-11-24T03:45:46.801446612Z"}\n'


def naive_text(line: bytes) -> str:
    out = []
    for char in line.decode(errors="surrogateescape"):
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            out.append("\\ufffd")
        elif char in '\\"':
            out.append("\\" + char)
        elif char in "\n\r":
            out.append({"\n": "\\n", "\r": "\\r"}[char])
        elif code < 0x20 or char in "<>&\u2028\u2029":
            out.append(f"\\u{code:04x}")
        else:
            out.append(char)
    return "".join(out)


def naive_records(text: bytes) -> bytes:
    return b"".join(b'{"log":"' + naive_text(line).encode() + ENDING for line in split_lines(text))


def split_lines(text: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in text.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


PIECES = (
    *(b"\n", b"\x7f", b"n", b"d", b"t", b"r", b"\t", b"\\", b'"', b"<", b"&", b"\xff", b"\xe2\x80"),
    *("\u2028".encode(), "\ufffd".encode(), "😀".encode(), b"\x00", b"\x08", b"\x0c", b"a", b"\r"),
    *(b"\xed\xa0\x80", b"\xf0\x9f\x98", b"u0009", b'{"log":"'),
)
TRICKY = st.lists(st.sampled_from(PIECES)).map(b"".join)


@given(st.one_of(st.binary(min_size=1), TRICKY.filter(bool)))
@example(b'a<>&"\\/\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xf0\x9f\x98\x80\x7f\n')
@example(b"\x7fn\x7f\n\t")
def test_lines_are_encoded_as_one_by_one(text: bytes) -> None:
    assert encode_lines(text, ENDING) == naive_records(text)


def test_control_characters_are_written_as_dockerd_writes_them() -> None:
    record = encode_lines(b"\x01\x07\x08\t\x0b\x0c\r\x1f\x7f\x80\xff\n", ENDING)
    assert record == (
        b'{"log":"\\u0001\\u0007\\u0008\\u0009\\u000b\\u000c\\r\\u001f\x7f\\ufffd\\ufffd\\n'
        + ENDING
    )


def test_each_undecodable_byte_is_replaced() -> None:
    text = b"\xe2\x82\n\xed\xa0\x80x\n\xf0\x9f\x98\n\xc0\xaf\n\xf4\x90\x80\x80\n\xff\xfe\n"
    logs = [json.loads(line)["log"] for line in encode_lines(text, ENDING).splitlines()]
    assert [log.count("\ufffd") for log in logs] == [2, 3, 3, 2, 4, 2]


def test_attributes_are_sorted_and_escaped_for_html() -> None:
    encoded = encode_attributes({"z": "1 2", "a": 'x,y=<"é', "E": "v"})
    assert encoded == '{"E":"v","a":"x,y=\\u003c\\"é","z":"1 2"}'.encode()


def sizes(records: bytes) -> list[tuple[int, str]]:
    return [(len(r["log"]), r["time"][20:]) for r in map(json.loads, records.splitlines())]


def test_attributes_stand_before_the_time() -> None:
    records, _ = LineAssembler("stderr", {"a": "b"}).feed(Held(), b"x\n", NOW)
    assert records == (
        b'{"log":"x\\n","stream":"stderr","attrs":{"a":"b"},'
        b'"time":"2026-11-24T03:45:46.801446612Z"}\n'
    )


def test_line_that_just_fits_stays_whole() -> None:
    records, held = LineAssembler("stdout").feed(Held(), b"a" * (LINE_LIMIT - 1) + b"\n", NOW)
    assert sizes(records) == [(LINE_LIMIT, "801446612Z")]
    assert held == Held()


def test_newline_after_a_full_part_is_a_record_of_its_own() -> None:
    assembler = LineAssembler("stdout")
    first, held = assembler.feed(Held(), b"a" * LINE_LIMIT, NOW)
    second, held = assembler.feed(held, b"\ntail\n", NOW + 7)
    assert sizes(first) == [(LINE_LIMIT, "801446612Z")]
    # As dockerd: the parts of a line bear its first part's time.
    assert sizes(second) == [(1, "801446612Z"), (5, "801446619Z")]
    assert held == Held()


def test_unterminated_line_is_written_at_the_end() -> None:
    assembler = LineAssembler("stdout")
    records, held = assembler.feed(Held(), b"one\ntw", NOW)
    assert sizes(records) == [(4, "801446612Z")]
    records, held = assembler.feed(held, b"o", NOW + 1)
    assert records == b""
    assert assembler.finish(held, NOW + 2) == encode_lines(b"two", ENDING.replace(b"12Z", b"14Z"))


def naive_parts(text: bytes) -> list[bytes]:
    parts = []
    for line in split_lines(text):
        rest = line
        while len(rest) > LINE_LIMIT or (len(rest) == LINE_LIMIT and rest[-1:] != b"\n"):
            parts.append(rest[:LINE_LIMIT])
            rest = rest[LINE_LIMIT:]
        if rest:
            parts.append(rest)
    return parts


LENGTHS = st.sampled_from([0, 1, 40, LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 40000, 70000])


@given(st.lists(LENGTHS, max_size=6), st.lists(st.integers(1, 65536), max_size=8), st.booleans())
def test_records_do_not_depend_on_how_the_stream_was_cut(
    lengths: list[int], cuts: list[int], terminated: bool
) -> None:
    text = b"\n".join(bytes([97 + i]) * n for i, n in enumerate(lengths))
    text += b"\n" if terminated else b""
    assembler, held, out, rest = LineAssembler("stdout"), Held(), [], text
    for cut in [*cuts, len(text)]:
        records, held = assembler.feed(held, rest[:cut], NOW)
        rest = rest[cut:]
        out.append(records)
        assert len(held.tail) < LINE_LIMIT
    out.append(assembler.finish(held, NOW))
    logs = [json.loads(r)["log"].encode() for r in b"".join(out).splitlines()]
    assert logs == naive_parts(text)
