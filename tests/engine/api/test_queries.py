from __future__ import annotations

import pytest

from engine.api.queries import parse_bool, parse_filters, parse_int
from engine.errors import InvalidParameter


@pytest.mark.parametrize("text", ["", "0", "no", "false", "none", " False ", "NONE"])
def test_dockerds_words_for_false(text: str) -> None:
    assert parse_bool(text, default=True) is False


@pytest.mark.parametrize("text", ["1", "true", "yes", "wat", "-1"])
def test_all_else_is_true(text: str) -> None:
    assert parse_bool(text) is True


def test_an_absent_boolean_is_its_default() -> None:
    assert parse_bool(None, default=True) is True
    assert parse_bool(None) is False


def test_numbers() -> None:
    assert parse_int("-1", "limit", 0) == -1
    assert parse_int("", "limit", 7) == 7
    assert parse_int(None, "limit", 7) == 7
    with pytest.raises(InvalidParameter, match=r"limit.*invalid syntax"):
        parse_int("x", "limit", 0)


def test_filters_come_in_two_forms() -> None:
    assert parse_filters('{"label":["a=b","c"],"status":[]}') == {
        "label": ["a=b", "c"],
        "status": [],
    }
    assert parse_filters('{"label":{"a=b":true,"c":false}}') == {"label": ["a=b", "c"]}
    assert parse_filters(None) == parse_filters("") == parse_filters("null") == {}


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"a":"b"}', '{"a":[1]}', "x"])
def test_garbage_in_filters_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid filter"):
        parse_filters(text)
