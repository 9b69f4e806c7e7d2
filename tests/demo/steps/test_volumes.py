from __future__ import annotations

import pytest

from demo.checks import CheckFailed
from demo.containers import Outcome
from demo.steps.volumes import ENTRY, VOLUME, keep_data
from tests.demo.theatre import Theatre, said


def theatre(writer: Outcome, reader: Outcome) -> Theatre:
    return Theatre(runs={"writer": writer, "reader": reader})


def test_data_outlives_its_container() -> None:
    at = theatre(said(), said(f"{ENTRY}\n".encode()))
    assert keep_data(at.scene).startswith(f"volume {VOLUME}")
    assert at.api.created == {}


@pytest.mark.parametrize(
    ("writer", "reader"),
    [(said(code=1), said(f"{ENTRY}\n".encode())), (said(), said(b""))],
)
def test_data_that_is_lost_fails(writer: Outcome, reader: Outcome) -> None:
    with pytest.raises(CheckFailed):
        keep_data(theatre(writer, reader).scene)
