from __future__ import annotations

import pytest
from trio.testing import MockClock


@pytest.fixture
def patient_clock(autojump_clock: MockClock) -> MockClock:
    """Jumps only when nothing has happened for a while: worker threads are at work meanwhile."""
    autojump_clock.autojump_threshold = 0.03
    return autojump_clock
