from __future__ import annotations

import logging

import pytest

from config.schema import Settings
from engine.wiring import logs


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        (Settings(), logging.INFO),
        (Settings(log_level="warn"), logging.WARNING),
        (Settings(log_level="fatal"), logging.CRITICAL),
        (Settings(log_level="error", debug=True), logging.DEBUG),
    ],
)
def test_levels_have_dockerds_names_and_debug_wins(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, number: int
) -> None:
    found: list[object] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **given: found.append(given["level"]))
    logs.set_up_logging(settings)
    assert found == [number]
