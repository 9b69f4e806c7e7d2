from __future__ import annotations

import dataclasses

import pytest

from supervisors import Restart
from tests.supervisors.fakes import Stage


def test_a_spec_is_frozen_and_by_default_permanent_with_five_seconds_of_grace() -> None:
    spec = Stage().spec("a")
    assert (spec.restart, spec.grace, spec.start_timeout) == (Restart.PERMANENT, 5, 60)
    assert (spec.depends_on, spec.mailboxes, spec.quarantine) == ((), (), False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.grace = 1  # type: ignore[misc]
