"""The records in memory keep the contract."""

from __future__ import annotations

import pytest

from tests.contracts.volume_stores import CHECKS, Check
from tests.fakes.volumes import FakeStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_fake_keeps_the_contract(check: Check) -> None:
    await check(FakeStore())
