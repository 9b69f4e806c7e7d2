from __future__ import annotations

import pytest

from demo.checks import CheckFailed, check, eventually, require


def test_check_says_what_was_expected_and_got() -> None:
    check("code", 0, 0)
    with pytest.raises(CheckFailed) as failure:
        check("code", 0, 1)
    assert (failure.value.what, failure.value.expected, failure.value.got) == ("code", 0, 1)


def test_require_fails_when_its_condition_does_not_hold() -> None:
    require("size", "large", True, 9)
    with pytest.raises(CheckFailed, match="size: expected 'large', got 1"):
        require("size", "large", False, 1)


def test_eventually_looks_until_it_is_good() -> None:
    looks = iter([0, 1, 2])
    assert eventually("n", "2", lambda: next(looks), lambda n: n == 2) == 2


def test_eventually_gives_up_with_what_it_saw_last() -> None:
    with pytest.raises(CheckFailed, match="got 5"):
        eventually("n", "2", lambda: 5, lambda n: n == 2, limit=0)
