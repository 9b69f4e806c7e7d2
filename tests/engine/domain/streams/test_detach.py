"""Detach keys: dockerd's syntax and texts; nothing else that is typed gets lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.streams.detach import DEFAULT_KEYS, DetachFilter, parse_detach_keys
from engine.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", DEFAULT_KEYS),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a,b", b"ab"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
        ("DEL,Z", b"\x7fZ"),
    ],
)
def test_keys_are_parsed(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["foo", "ctrl-", "ctrl-p,", "ctrl-1", "ctrl-P", "é", ","])
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_detach_keys(text)
    assert str(caught.value) == f"Invalid detach keys ({text}) provided"
    with pytest.raises(InvalidParameter, match="Invalid escape keys"):
        parse_detach_keys(text, kind="escape")


def test_keys_detach_whether_they_come_at_once_or_one_by_one() -> None:
    for parts in ([b"x\x10\x11y"], [b"x", b"\x10", b"\x11"], [b"x\x10", b"\x11y"]):
        keys = DetachFilter(DEFAULT_KEYS)
        assert b"".join(map(keys.feed, parts)) == b"x"
        assert keys.detached
        assert keys.feed(b"more") == b""


def test_partial_match_is_held_until_it_fails() -> None:
    keys = DetachFilter(DEFAULT_KEYS)
    assert keys.feed(b"\x10") == b""
    assert keys.feed(b"a") == b"\x10a"
    assert keys.feed(b"\x10") == b""
    assert keys.flush() == b"\x10"


def test_without_keys_all_passes() -> None:
    assert DetachFilter(b"").feed(b"\x10\x11") == b"\x10\x11"


@given(
    st.lists(st.text("ab", max_size=4).map(str.encode)), st.sampled_from([b"aab", b"abab", b"a"])
)
def test_filter_agrees_with_a_search_over_the_whole_input(parts: list[bytes], keys: bytes) -> None:
    whole, filtered = b"".join(parts), DetachFilter(keys)
    passed = b"".join(map(filtered.feed, parts)) + filtered.flush()
    assert filtered.detached == (keys in whole)
    assert passed == whole.split(keys)[0]
