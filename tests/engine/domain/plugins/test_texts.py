from __future__ import annotations

from engine.domain.plugins.texts import LONGEST, tame


def test_control_characters_are_gone() -> None:
    assert tame("bad\x1b[31m thing\x07\nnext\x9b\u202e") == "bad [31m thing next"


def test_long_texts_are_cut() -> None:
    assert tame("x" * 10_000_000) == "x" * LONGEST + "..."
    assert tame("héllo") == "héllo"
