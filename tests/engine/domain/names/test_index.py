"""IDs by their beginning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.names.index import IdIndex
from engine.errors import InvalidParameter, NotFound, SystemFailure

A, B, C = "aa" + "0" * 62, "ab" + "0" * 62, "c" * 64
IDS = st.text("ab", min_size=4, max_size=4)


def test_any_unique_beginning_resolves() -> None:
    index = IdIndex(ids=[A, B, C])
    assert all(index.resolve(C[:length]) == C for length in range(1, 65))
    assert index.resolve("aa") == A


def test_ambiguous_beginning_is_a_system_error() -> None:
    with pytest.raises(SystemFailure) as caught:
        IdIndex(ids=[A, B]).resolve("a")
    assert str(caught.value) == "Multiple IDs found with provided prefix: a"


def test_unknown_and_empty_have_their_texts() -> None:
    with pytest.raises(NotFound, match=r"^No such container: x$"):
        IdIndex(ids=[A]).resolve("x")
    with pytest.raises(NotFound, match=r"^No such exec instance: aa0+1$"):
        IdIndex("exec instance", [A]).resolve(A + "1")
    with pytest.raises(InvalidParameter, match=r'^invalid name or ID supplied: ""$'):
        IdIndex().resolve("")


def test_id_wins_over_name_and_name_over_beginning() -> None:
    index = IdIndex(ids=[A, B, C])
    names = {"/c": A, f"/{B}": C}
    assert index.resolve("c", names) == index.resolve("/c", names) == A
    assert index.resolve(B, names) == B


@given(st.lists(st.tuples(st.booleans(), IDS)), st.text("ab", min_size=1, max_size=4))
def test_index_agrees_with_a_plain_set(steps: list[tuple[bool, str]], prefix: str) -> None:
    index, plain = IdIndex(), set[str]()
    for add, identity in steps:
        (index.add if add else index.remove)(identity)
        (plain.add if add else plain.discard)(identity)
    assert list(index) == sorted(plain)
    assert len(index) == len(plain)
    matches = [identity for identity in plain if identity.startswith(prefix)]
    if len(matches) == 1:
        assert index.resolve(prefix) == matches[0]
    else:
        with pytest.raises(SystemFailure if matches else NotFound):
            index.resolve(prefix)
