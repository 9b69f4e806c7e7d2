"""The volumes in memory keep the contract."""

from __future__ import annotations

import pytest

from tests.contracts.volume_disks import CHECKS, Bench, Check
from tests.fakes.volumes import FakeDisk


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_fake_keeps_the_contract(check: Check) -> None:
    disk = FakeDisk()

    def put(name: str, file: str, data: bytes) -> None:
        disk.content[name][file] = data

    await check(Bench(disk, put, lambda name: set(disk.content[name])))
