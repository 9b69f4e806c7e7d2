"""IDs."""

from __future__ import annotations

from engine.domain.names.ids import generate_id, is_id, short_id


def test_id_is_64_hex_characters() -> None:
    identities = {generate_id() for _ in range(200)}
    assert len(identities) == 200
    assert all(is_id(identity) for identity in identities)


def test_id_whose_short_form_is_a_number_is_thrown_away() -> None:
    tokens = [b"\x12" * 32, b"\x00" * 32, b"\x12" * 5 + b"\xa2" * 27]
    assert generate_id(lambda size: tokens.pop(0)) == "12" * 5 + "a2" * 27


def test_short_form_leaves_the_algorithm_out() -> None:
    assert short_id("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
    assert short_id("0123456789abcdef" * 4) == "0123456789ab"


def test_other_texts_are_no_ids() -> None:
    assert not is_id("a" * 63)
    assert not is_id("A" * 64)
    assert not is_id("a" * 64 + "\n")
