"""The daemon's side against a resolver process: started when needed, adopted, replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.adapters.resolver import ResolverClient, ResolverService
from engine.models.resolver import Presence, Scope
from tests.harness.daemon import processes_of
from tests.integration.network_lab import run

pytestmark = pytest.mark.integration


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"rc-{os.getpid()}"
    run("ip", "netns", "add", name)
    run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
    yield name
    run("ip", "netns", "del", name)


@pytest.fixture
def path() -> Iterator[Path]:
    """The process is found by its command line: one without `pytest` in it."""
    with tempfile.TemporaryDirectory(prefix="trimaran-rc-") as directory:
        yield Path(directory, "resolver.sock")
        end(Path(directory, "resolver.sock"))


@contextlib.asynccontextmanager
async def served(client: ResolverClient) -> AsyncIterator[None]:
    service = ResolverService(client)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield
        await service.stop()
        nursery.cancel_scope.cancel()


def scope(namespace: str) -> Scope:
    place = Presence(network="n", network_name="front", addresses=["10.0.0.2"], names=["web"])
    return Scope(id="web", path=f"/run/netns/{namespace}", presences=[place])


async def lookup(namespace: str) -> bool:
    command = ["ip", "netns", "exec", namespace, "busybox", "nslookup", "web", "127.0.0.11"]
    done = await trio.run_process(command, capture_stdout=True, check=False)
    return b"10.0.0.2" in done.stdout


async def found(namespace: str) -> None:
    for _ in range(200):
        if await lookup(namespace):
            return
        await trio.sleep(0.05)
    raise AssertionError("the name is not found")


def end(path: Path) -> None:
    for pid in processes_of(str(path)):
        os.kill(pid, signal.SIGKILL)


async def test_nobody_who_needs_it_starts_no_process(path: Path) -> None:
    client = ResolverClient(path)
    async with served(client):
        await client.retain([])
        await client.drop("nobody")
        await wait_all_tasks_blocked()
        assert processes_of(str(client.path)) == []


async def test_process_outlives_the_daemon_and_is_adopted(path: Path, namespace: str) -> None:
    first = ResolverClient(path)
    async with served(first):
        await first.put(scope(namespace))
        assert await lookup(namespace)
    (pid,) = processes_of(str(path))
    assert await lookup(namespace)
    second = ResolverClient(path)
    async with served(second):
        await second.retain([scope(namespace)])
        assert await lookup(namespace)
        assert processes_of(str(path)) == [pid]


async def test_killed_process_is_replaced_and_told_everything(path: Path, namespace: str) -> None:
    client = ResolverClient(path)
    async with served(client):
        await client.retain([scope(namespace)])
        await client.put(scope(namespace))
        await found(namespace)
        (first,) = processes_of(str(path))
        end(path)
        await found(namespace)
        assert processes_of(str(path)) != [first]


async def test_process_ends_with_the_daemon_when_nobody_is_left(path: Path, namespace: str) -> None:
    client = ResolverClient(path)
    async with served(client):
        await client.put(scope(namespace))
        await client.drop("web")
        assert len(processes_of(str(path))) == 1
    for _ in range(100):
        if not processes_of(str(path)):
            return
        await trio.sleep(0.05)
    raise AssertionError("the resolver is still there")
