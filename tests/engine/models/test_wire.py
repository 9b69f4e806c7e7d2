from __future__ import annotations

import msgspec
from msgspec import field

from engine.models.wire import Wire, console_size, flag, items, mapping, nested, null, number, text


class Inner(Wire, frozen=True):
    size: int = number()


class Sample(Wire, frozen=True):
    always_text: str = text()
    always_number: int = number()
    always_flag: bool = flag()
    nothing: list[str] | None = null()
    rows: list[str] = items()
    table: dict[str, str] = mapping()
    inner: Inner = nested(Inner)
    console_size: tuple[int, int] = console_size()
    odd: str = text("ODDName")
    left_out: str = ""
    left_out_list: list[str] = field(default_factory=list)
    left_out_map: dict[str, str] = field(default_factory=dict)
    left_out_pointer: int | None = None


ZERO = (
    b'{"AlwaysText":"","AlwaysNumber":0,"AlwaysFlag":false,"Nothing":null,"Rows":[],"Table":{},'
    b'"Inner":{"Size":0},"ConsoleSize":[0,0],"ODDName":""}'
)


def test_zero_struct_writes_what_go_writes_and_omits_what_go_omits() -> None:
    assert msgspec.json.encode(Sample()) == ZERO


def test_empty_members_that_were_sent_are_omitted_again() -> None:
    sent = b'{"LeftOut":"","LeftOutList":[],"LeftOutMap":{},"LeftOutPointer":null}'
    assert msgspec.json.encode(msgspec.json.decode(sent, type=Sample)) == ZERO


def test_zero_behind_an_optional_pointer_is_written() -> None:
    assert b'"LeftOutPointer":0' in msgspec.json.encode(Sample(left_out_pointer=0))


def test_unknown_members_are_ignored() -> None:
    assert msgspec.json.decode(b'{"Nobody":1}', type=Sample) == Sample()
