from __future__ import annotations

from supervisors.intensity import Intensity


def test_one_more_than_the_limit_is_too_many() -> None:
    window = Intensity(2, 10)
    assert [window.allows(now) for now in (0, 1, 2)] == [True, True, False]


def test_what_is_older_than_the_period_does_not_count() -> None:
    window = Intensity(2, 10)
    assert [window.allows(now) for now in (0, 1, 10, 11, 12)] == [True, True, True, True, False]


def test_a_limit_of_none_allows_none() -> None:
    assert not Intensity(0, 10).allows(0)


def test_a_fresh_one_is_unused_and_a_reset_one_too() -> None:
    window = Intensity(1, 10)
    assert window.allows(0)
    assert window.fresh().allows(0)
    window.reset()
    assert window.allows(0)
