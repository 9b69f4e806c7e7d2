from __future__ import annotations

import pytest
from trio.testing import MockClock


@pytest.fixture
def patient_clock(mock_clock: MockClock) -> MockClock:
    """Stands still while anything works, threads too; `rooms.living` moves it on (see `passing`)."""
    return mock_clock
