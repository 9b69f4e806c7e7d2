"""tests/engine/domain/managed/test_remote.py has what users see of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.images.facade import TransferLimits
from engine.domain.names.references import parse_normalized
from engine.errors import InvalidParameter, SystemFailure
from engine.models.registry import AuthConfig
from tests.engine.domain.managed.rooms import artifacts, publish
from tests.fakes.containerd import FakeContainerd
from tests.fakes.registry import INDEX, FakeRegistry, once, streamed

REFERENCE = parse_normalized("reg.test/me/mini:1")
NOBODY = AuthConfig()


async def test_what_use_does_not_tie_goes_with_the_lease(autojump_clock: MockClock) -> None:
    registry, containerd = FakeRegistry(), FakeContainerd()
    publish(registry, "1")
    found = artifacts(registry, containerd)
    seen: list[int] = []

    async def use() -> None:
        await trio.lowlevel.checkpoint()
        containerd.collect()
        seen.append(len(containerd.content.blobs))

    async with found.source(REFERENCE, NOBODY) as source:
        await source.bring(await source.look(), lambda _: None, use)
    containerd.collect()
    assert (seen, containerd.content.blobs) == ([2], {})


async def test_broken_connection_is_taken_up_where_it_was(autojump_clock: MockClock) -> None:
    registry, containerd = FakeRegistry(), FakeContainerd()
    publish(registry, "1", b"0123456789")
    found = artifacts(registry, containerd)

    async def use() -> None:
        await trio.lowlevel.checkpoint()

    async with found.source(REFERENCE, NOBODY) as source:
        artifact = await source.look()
        cut = once(artifact.layer.digest, lambda _: streamed(200, b"0123", length=10))
        registry.faults.append(cut)
        await source.bring(artifact, lambda _: None, use)
    assert registry.asked("GET", artifact.layer.digest)[-1].headers["Range"] == "bytes=4-"


async def test_configuration_that_is_another_is_refused(autojump_clock: MockClock) -> None:
    registry = FakeRegistry()
    publish(registry, "1")
    found = artifacts(registry, FakeContainerd())
    async with found.source(REFERENCE, NOBODY) as source:
        config = (await source.look()).config
        other = once(config.digest, lambda _: streamed(200, bytes(config.size)))
        registry.faults.append(other)
        with pytest.raises(SystemFailure, match="config verification failed"):
            await source.look()
        registry.tag("me/mini", "1", b'{"manifests": []}', INDEX)
        with pytest.raises(InvalidParameter, match="did not find plugin config"):
            await source.look()


async def test_sweep_takes_leases_and_idle_downloads(autojump_clock: MockClock) -> None:
    registry, containerd = FakeRegistry(), FakeContainerd()
    publish(registry, "1", b"0123456789")
    found = artifacts(registry, containerd)
    async with found.source(REFERENCE, NOBODY) as source:
        layer = (await source.look()).layer
    async with found.ingest() as ingest, ingest.download(layer) as writer:
        await writer.write(b"01")
    await found.sweep(3600, now=3599)
    assert len(containerd.content.ingests) == 1
    await found.sweep(3600, now=3600)
    assert containerd.content.ingests == {}


async def test_limits_hold_for_what_begins(autojump_clock: MockClock) -> None:
    found = artifacts(FakeRegistry(), FakeContainerd())
    found.limit(TransferLimits(downloads=1, attempts=2))
    assert (found.downloads.limiter.total_tokens, found.downloads.attempts) == (1, 2)
