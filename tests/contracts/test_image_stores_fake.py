"""The in-memory containerd keeps the contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contracts.image_stores import CHECKS
from tests.fakes.containerd import FakeContainerd


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_fake_keeps_the_contract(check: Callable[[Any], Awaitable[None]]) -> None:
    await check(FakeContainerd())
