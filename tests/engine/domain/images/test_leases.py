from __future__ import annotations

import pytest

from engine.domain.images.leases import LeaseKeeper
from engine.errors import Unavailable
from tests.fakes.containerd import FakeContainerd


@pytest.fixture
def keeper(stores: FakeContainerd) -> LeaseKeeper:
    return LeaseKeeper(stores.leases, "e")


async def test_lease_expires_by_itself_and_is_ours(
    keeper: LeaseKeeper, stores: FakeContainerd
) -> None:
    async with keeper.lease() as id:
        lease = stores.leases.leases[id]
        assert (lease.expire_s, lease.labels["io.trimaran.engine"]) == (86400.0, "e")
    assert not stores.leases.leases


async def test_left_over_leases_go_and_live_ones_stay(
    keeper: LeaseKeeper, stores: FakeContainerd
) -> None:
    own = {"io.trimaran.engine": "e", "io.trimaran.ingest": "true"}
    await stores.leases.create("left", own)
    await stores.leases.create("a container's", {"io.trimaran.engine": "e"})
    async with keeper.lease() as id:
        await keeper.drop_left_over()
        assert set(stores.leases.leases) == {id, "a container's"}


async def test_failure_collects_at_once(keeper: LeaseKeeper, stores: FakeContainerd) -> None:
    async def fail() -> None:
        async with keeper.lease() as id:
            async with stores.content.writer("r", lease=id) as writer:
                await writer.write(b"x")
                await writer.commit()
            assert stores.content.blobs
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not stores.content.blobs


async def test_lease_that_cannot_be_dropped_now_is_left_to_expire(
    keeper: LeaseKeeper, stores: FakeContainerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(id: str, sync: bool = False) -> None:
        raise Unavailable("containerd is away")

    async with keeper.lease() as id:
        monkeypatch.setattr(stores.leases, "delete", away)
    assert set(stores.leases.leases) == {id}


async def test_keeper_is_busy_while_something_is_taken_in(keeper: LeaseKeeper) -> None:
    assert not keeper.busy
    async with keeper.lease():
        assert keeper.busy
    assert not keeper.busy
