from __future__ import annotations

import pytest

from engine.domain.system.tallies import BUCKETS, CONTAINER, Histogram, Tallies


def test_bucket_holds_what_is_up_to_its_bound() -> None:
    histogram = Histogram()
    for seconds in (0.005, 0.0051, 11.0):
        histogram.add(seconds)
    assert histogram.counts[:2] == [1, 1]
    assert histogram.counts[len(BUCKETS)] == 1
    assert histogram.total == pytest.approx(11.0101)


def test_what_fails_is_not_timed() -> None:
    tallies = Tallies()
    with pytest.raises(ValueError, match="no"), tallies.timing(CONTAINER, "start"):
        raise ValueError("no")
    with tallies.timing(CONTAINER, "start"):
        pass
    assert sum(tallies.times[CONTAINER]["start"].counts) == 1


def test_failed_health_checks_are_checks_too() -> None:
    tallies = Tallies()
    tallies.checked(failed=True)
    tallies.checked(failed=False)
    assert (tallies.health_checks, tallies.health_checks_failed) == (2, 1)
