from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from engine.adapters.buildkit.process import BuildKitProcess, Need
from engine.adapters.buildkit.settings import Places
from engine.adapters.containerd import identity


@pytest.fixture
def need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Need:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return Need(Places(tmp_path / "root", tmp_path / "state"))


def install(need: Need, script: str) -> None:
    program = need.places.root.parent / "bin" / "buildkitd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@asynccontextmanager
async def running(need: Need) -> AsyncIterator[None]:
    service = BuildKitProcess(need, "root = ''\n")
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield
        await service.stop()


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - a process tells nobody
            await trio.sleep(0.01)


async def until_started(need: Need) -> int:
    await until(lambda: identity.read(need.places.pid_file))
    found = identity.read(need.places.pid_file)
    assert found is not None
    return found.pid


async def test_it_is_started_when_it_is_wanted_and_ended_with_the_service(need: Need) -> None:
    install(need, 'test "$1" = --config && cp "$2" "$2.seen" && exec sleep 100')
    async with running(need):
        await trio.sleep(0.05)
        assert not need.places.pid_file.exists()
        need.tell()
        pid = await until_started(need)
    assert identity.identify(pid) is None
    assert not need.places.pid_file.exists()


async def test_one_that_exits_is_started_again(need: Need) -> None:
    install(need, "exit 3")
    need.tell()
    async with running(need):
        await until(lambda: need.restarts >= 2)
    assert need.reason == f"it has exited (3); see {need.places.log}"


async def test_one_that_cannot_be_started_is_told(need: Need) -> None:
    need.tell()
    async with running(need):
        await until(lambda: need.restarts)
    assert need.reason == "it cannot be started: buildkitd is not in the PATH"


async def test_a_former_one_is_ended(need: Need) -> None:
    need.places.state.mkdir(parents=True)
    former = subprocess.Popen(["sleep", "100"])  # noqa: ASYNC220 - it is started, not waited for
    found = identity.identify(former.pid)
    assert found is not None
    identity.write(need.places.pid_file, found)
    async with running(need):
        with trio.fail_after(10):
            assert await trio.to_thread.run_sync(former.wait) == -15
