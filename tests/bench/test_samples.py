from __future__ import annotations

from bench.samples import Bound, Comparison, Limit, interleave


def test_who_begins_alternates_and_the_first_sample_of_each_does_not_count() -> None:
    asked: list[str] = []

    def sample(engine: str) -> float:
        asked.append(engine)
        return float(len(asked))

    taken = interleave(2, ["ours", "theirs"], sample)

    assert asked == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert taken == [[3.0, 6.0], [4.0, 5.0]]


def test_a_ratio_is_of_the_medians_and_a_limit_includes_its_value() -> None:
    row = Comparison("run", "ms", Limit(0.5), ours=[1, 50, 2], theirs=[4, 4, 100])
    assert row.ratio == 0.5
    assert row.kept is True
    row.limit = Limit(0.49)
    assert row.kept is False


def test_a_limit_of_the_difference_looks_at_the_difference() -> None:
    row = Comparison("start", "ms", Limit(15, Bound.DIFFERENCE), ours=[84], theirs=[70])
    assert row.kept is True
    row.ours = [86]
    assert row.kept is False


def test_without_a_peer_there_is_no_verdict() -> None:
    row = Comparison("run", "ms", Limit(0.5), ours=[1])
    assert (row.ratio, row.kept) == (None, None)
