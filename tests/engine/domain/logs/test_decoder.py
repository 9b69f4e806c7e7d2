from __future__ import annotations

import pytest

from engine.domain.logs.decoder import RecordDecoder, Selection
from engine.domain.streams.frames import frame

ONE = b'{"log":"one\\n","stream":"stdout","time":"2020-01-01T00:00:01Z"}\n'
TWO = b'{"log":"two\\n","stream":"stderr","time":"2020-01-01T00:00:02.5Z"}\n'
THREE = (
    b'{"log":"three\\n","stream":"stdout","attrs":{"b":"2","a":"x y"},'
    b'"time":"2020-01-01T00:00:03Z"}\n'
)
SECOND = 1_577_836_801 * 1_000_000_000


def decoded(block: bytes, *, tty: bool = True, **selection: object) -> bytes:
    return RecordDecoder(Selection(**selection), tty=tty).decode(block)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        ({}, b"one\ntwo\nthree\n"),
        ({"stderr": False}, b"one\nthree\n"),
        ({"stdout": False}, b"two\n"),
        ({"since_ns": SECOND + 1}, b"two\nthree\n"),
        ({"until_ns": SECOND}, b"one\n"),
        ({"since_ns": SECOND, "until_ns": SECOND + 1_500_000_000}, b"one\ntwo\n"),
        (
            {"timestamps": True, "stdout": False},
            b"2020-01-01T00:00:02.500000000Z two\n",
        ),
        ({"details": True, "since_ns": SECOND + 2_000_000_000}, b"a=x+y,b=2 three\n"),
        (
            {"details": True, "timestamps": True, "stdout": False},
            b"2020-01-01T00:00:02.500000000Z  two\n",
        ),
    ],
)
def test_records_are_selected_and_stamped(selection: dict[str, object], text: bytes) -> None:
    assert decoded(ONE + TWO + THREE, **selection) == text


def test_without_a_terminal_each_line_has_its_frame() -> None:
    expected = frame("stdout", b"one\n") + frame("stderr", b"two\n")
    assert decoded(ONE + TWO, tty=False) == expected
    stamped = frame("stdout", b"2020-01-01T00:00:01.000000000Z one\n")
    assert decoded(ONE, tty=False, timestamps=True) == stamped


def test_nothing_is_read_beyond_the_time_limit() -> None:
    decoder = RecordDecoder(Selection(until_ns=SECOND), tty=True)
    assert decoder.decode(ONE) == b"one\n"
    assert not decoder.ended
    assert decoder.decode(TWO + ONE) == b""
    assert decoder.ended


@pytest.mark.parametrize("selection", [{}, {"timestamps": True, "details": True}])
@pytest.mark.parametrize("damage", [b"garbage\n", b'{"log":1}\n', b"\xff\xfe\n", b'{"log":"cut'])
def test_damaged_records_are_skipped_and_counted(selection: dict[str, bool], damage: bytes) -> None:
    decoder = RecordDecoder(Selection(**selection), tty=True)  # type: ignore[arg-type]
    found = decoder.decode(ONE + damage + (b"" if damage.endswith(b"\n") else b"\n") + TWO)
    assert b"one\n" in found
    assert b"two\n" in found
    assert decoder.damaged == 1


def test_record_without_a_time_or_with_odd_attributes_is_no_reason_to_stop() -> None:
    decoder = RecordDecoder(Selection(timestamps=True), tty=True)
    assert decoder.decode(b'{"log":"x\\n","stream":"stdout"}\n' + ONE).endswith(b" one\n")
    assert decoder.damaged == 1
    odd = b'{"log":"x\\n","stream":"stdout","attrs":[1],"time":"2020-01-01T00:00:01Z"}\n'
    assert decoded(odd, details=True) == b" x\n"
