from __future__ import annotations

from bench.report import figure, line
from bench.samples import Comparison, Limit


def test_a_row_shows_medians_ranges_ratio_limit_and_verdict() -> None:
    row = Comparison("run", "ms", Limit(0.4), ours=[120, 130, 110], theirs=[300.4, 240, 310])
    assert line(row) == "| run | ms | 120 (110–130) | 300 (240–310) | 0.40 | 0.4 | pass |\n"


def test_a_missed_limit_stands_out() -> None:
    row = Comparison("run", "ms", Limit(0.4), ours=[2], theirs=[4])
    assert line(row) == "| run | ms | 2 | 4 | 0.50 | 0.4 | **fail** |\n"


def test_what_was_not_measured_says_why() -> None:
    row = Comparison("run", "ms", missing="not measured: there is no gcc")
    assert line(row) == "| run | ms | not measured: there is no gcc | | |  | |\n"


def test_small_figures_keep_their_digits() -> None:
    assert figure([0.123, 0.456, 0.2]) == "0.20 (0.12–0.46)"
    assert figure([]) == "–"
