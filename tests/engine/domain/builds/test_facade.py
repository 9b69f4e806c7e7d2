from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from engine.domain.builds.facade import Builds
from engine.domain.builds.options import BuildOptions
from engine.domain.events.facade import Batch
from engine.domain.names.references import parse_normalized
from engine.errors import InvalidParameter, NotFound
from tests.engine.domain.builds.rooms import House


async def nothing() -> AsyncGenerator[bytes, None]:
    yield b""


class Journal:
    def __init__(self) -> None:
        self.open: set[str] = set()

    async def commit(self, batch: Batch) -> int:
        self.open |= {each.subject for each in batch.opens}
        self.open -= {subject for _, subject in batch.closes}
        return 0


class Site(House):
    """A house with the facade before it, and its service running."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal()
        self.tags: list[tuple[str, str, str]] = []
        images: Any = self.images
        images.workbench = self._workbench
        images.target = self._target
        images.tag = self._tag
        fakes: dict[str, Any] = {
            "images": images,
            "containers": self.containers,
            "workshop": self.workshop,
            "fetcher": self.fetcher,
            "journal": self.journal,
        }
        self.builds = Builds(**fakes)

    @asynccontextmanager
    async def _workbench(self) -> AsyncIterator[Any]:
        yield self.bench

    def _target(self, repo: str, tag: str) -> Any:
        return parse_normalized(f"{repo}:{tag}" if tag else repo).with_default_tag()

    async def _tag(self, name: str, repo: str, tag: str) -> None:
        self.tags.append((name, repo, tag))

    async def run(self, **options: Any) -> str:
        send, receive = trio.open_memory_channel[Any](1000)
        async with trio.open_nursery() as nursery:
            service = self.builds.service()
            await nursery.start(lambda task_status: service.run(task_status=task_status))
            try:
                await self.builds.build(BuildOptions(**options), nothing(), send)
            finally:
                send.close()
                self.said += [each async for each in receive]
                await service.stop()
        return self.text


async def test_a_build_ends_with_its_names() -> None:
    site = Site()
    site.workshop.tree.files["Dockerfile"] = b"FROM busybox\nRUN x\n"
    text = await site.run(tags=("a", "a:latest", "localhost:5000/b:1"))
    id = site.tags[0][0]
    assert text.endswith(
        f"Successfully built {id[7:19]}\nSuccessfully tagged a:latest\nSuccessfully tagged localhost:5000/b:1\n"
    )
    assert site.containers.names == {}
    assert len(site.workshop.discarded) == 1
    assert site.journal.open == set()


async def test_a_quiet_build_tells_the_id_alone() -> None:
    site = Site()
    site.workshop.tree.files["dockerfile"] = b"FROM busybox\nENV a=b\n"
    assert (await site.run(quiet=True)).startswith("sha256:")


async def test_the_clients_labels_are_the_last_steps_and_stay_as_they_are() -> None:
    site = Site()
    site.workshop.tree.files["other"] = b"FROM busybox\n"
    text = await site.run(dockerfile="other", labels={"b": "it's $x", "a": "1"})
    assert "Step 2/3 : LABEL a=1\n" in text
    assert site.bench.steps[-1].config.labels == {"a": "1", "b": "it's $x"}


async def test_the_target_is_the_last_stage() -> None:
    site = Site()
    site.workshop.tree.files["Dockerfile"] = b"FROM busybox AS a\nFROM busybox AS b\nRUN x\n"
    assert "Step 1/1 : FROM busybox AS a\n" in await site.run(target="A")
    with pytest.raises(ExceptionGroup) as failed:
        await site.run(target="0")
    assert failed.group_contains(InvalidParameter, match="failed to reach build target 0")


async def test_a_failure_leaves_nothing() -> None:
    site = Site()
    site.workshop.tree.files["Dockerfile"] = b"FROM busybox\nRUN x\n"
    site.containers.code = 3
    with pytest.raises(ExceptionGroup):
        await site.run()
    assert site.containers.names == {}
    assert site.journal.open == set()


async def test_who_gave_an_id_may_cancel() -> None:
    site = Site()
    with pytest.raises(NotFound):
        site.builds.cancel("x")

    async def waits() -> AsyncGenerator[bytes, None]:
        site.builds.cancel("x")
        await trio.sleep(60)
        yield b""

    send, _ = trio.open_memory_channel[Any](10)
    async with trio.open_nursery() as nursery:
        service = site.builds.service()
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        with pytest.raises(InvalidParameter, match="build cancelled"):
            await site.builds.build(BuildOptions(client_id="x"), waits(), send)
        await service.stop()
    assert site.journal.open == set()


async def test_a_container_that_is_made_for_a_build_that_ended_is_removed() -> None:
    site = Site()
    site.workshop.tree.files["Dockerfile"] = b"FROM busybox\nRUN x\n"
    site.containers.gate = trio.Event()

    async def build() -> None:
        with pytest.raises(ExceptionGroup) as failed:
            await site.run(client_id="x")
        assert failed.group_contains(InvalidParameter, match="build cancelled")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(build)
        await site.containers.asked.wait()
        site.builds.cancel("x")
        await trio.testing.wait_all_tasks_blocked()
        site.containers.open()
    assert len(site.containers.created) == 1
    assert site.containers.names == {}
    assert site.journal.open == set()


async def test_an_empty_dockerfile_is_refused() -> None:
    site = Site()
    site.workshop.tree.files["Dockerfile"] = b""
    with pytest.raises(ExceptionGroup) as failed:
        await site.run()
    assert failed.group_contains(
        InvalidParameter, match=r"the Dockerfile \(Dockerfile\) cannot be empty"
    )
