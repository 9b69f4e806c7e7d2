"""containerd itself keeps the contract that the containers room's fake is held to."""

from __future__ import annotations

import pytest

from engine.models.runtime import RuncOptions
from tests.contracts.runtimes import CHECKS, Check, World
from tests.engine.adapters.containerd.conftest import Rig
from tests.engine.adapters.containerd.rootfs import base_layer, process_json, spec

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_containerd_keeps_the_contract(check: Check, rig: Rig) -> None:
    world = World(
        rig.client,
        await base_layer(rig),
        lambda id: spec(id, "sleep", "60"),
        lambda: process_json("sleep", "60"),
        rig.base,
        RuncOptions(root=str(rig.base / "runc")),
    )
    await check(world)
