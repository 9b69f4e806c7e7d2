"""The lists of words."""

from __future__ import annotations

from engine.domain.names.words import ADJECTIVES, SURNAMES


def test_words_are_lower_case_and_there_once() -> None:
    for words, least in ((ADJECTIVES, 100), (SURNAMES, 200)):
        assert len(set(words)) == len(words) >= least
        assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
