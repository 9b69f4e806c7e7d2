from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.containerd import FakeContainerd
from tests.fakes.images_room import Room, images_room


@pytest.fixture
def stores() -> FakeContainerd:
    return FakeContainerd()


@pytest.fixture
async def room(stores: FakeContainerd) -> AsyncIterator[Room]:
    async with images_room(stores) as room:
        yield room
