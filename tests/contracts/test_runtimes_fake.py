"""containerd in memory keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.runtimes import CHECKS, Check, World
from tests.fakes.runtime import FakeRuntime


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_fake_keeps_the_contract(check: Check, tmp_path: Path) -> None:
    runtime = FakeRuntime("layer")
    world = World(runtime, "layer", lambda id: id.encode(), lambda: b"{}", tmp_path)
    await check(world)
    runtime.close()
