from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.images.instructions.lexer import expand, logical_lines, words
from engine.errors import InvalidParameter


def test_lines_are_joined_and_comments_left_out() -> None:
    assert logical_lines("# c\n\nA b \\\n  # inside\n  c\nD") == ["A b   c", "D"]


def test_words_keep_quotes_and_escapes() -> None:
    assert words("a=\"b c\" d=e\\ f 'g h'") == ['a="b c"', "d=e\\ f", "'g h'"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", "1"),
        ("${A}2", "12"),
        ("$B", ""),
        ("${B:-x$A}", "x1"),
        ("${A:+y}", "y"),
        ("${B:+y}", ""),
        ("'$A'", "$A"),
        ('"$A\\"b"', '1"b'),
        ("\\$A", "$A"),
        ("$", "$"),
        ("a\\", "a"),
    ],
)
def test_variables_are_filled_in(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


@pytest.mark.parametrize("text", ["'a", '"a', "${", "${A", "${A:-x", "${A?x}"])
def test_unfinished_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="failed to process"):
        expand(text, {"A": "1"})


@given(st.text())
def test_any_text_is_split_or_expanded_or_refused(text: str) -> None:
    for word in words(text):
        try:
            expand(word, {})
        except InvalidParameter:
            continue
