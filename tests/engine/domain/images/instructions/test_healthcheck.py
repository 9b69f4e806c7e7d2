from __future__ import annotations

import pytest

from engine.domain.images.instructions.healthcheck import parse_healthcheck
from engine.errors import InvalidParameter
from engine.models.containers import HealthcheckConfig


def test_all_flags_are_read() -> None:
    text = "--interval=1s --timeout=2s --start-period=3s --start-interval=4s --retries=5 cmd x"
    assert parse_healthcheck(text) == HealthcheckConfig(
        test=["CMD-SHELL", "x"],
        interval=10**9,
        timeout=2 * 10**9,
        start_period=3 * 10**9,
        start_interval=4 * 10**9,
        retries=5,
    )


@pytest.mark.parametrize("text", ["--interval CMD x", "--retries=x CMD x"])
def test_flag_without_a_good_value_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_healthcheck(text)
