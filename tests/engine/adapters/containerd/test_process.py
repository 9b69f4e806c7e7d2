from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from engine.adapters.containerd import (
    Channel,
    Containerd,
    EmbeddedContainerd,
    identity,
    verify_external,
)
from engine.errors import SystemFailure

pytestmark = pytest.mark.integration


def embedded(base: Path, *, leave_running: bool = False) -> EmbeddedContainerd:
    return EmbeddedContainerd(base / "data", base / "exec", leave_running=leave_running)


@asynccontextmanager
async def running(service: EmbeddedContainerd) -> AsyncIterator[EmbeddedContainerd]:
    async with trio.open_nursery() as nursery:
        await nursery.start(service.run)
        try:
            yield service
        finally:
            await service.stop()


async def version(service: EmbeddedContainerd) -> str:
    channel = Channel(service.socket)
    async with trio.open_nursery() as nursery:
        await nursery.start(channel.run)
        await channel.wait_ready(10)
        result, _ = await Containerd(channel, channel, namespace="n").version()
        nursery.cancel_scope.cancel()
    return result


def alive(pid: int) -> bool:
    return identity.identify(pid) is not None


def reaped(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


class Told:
    """Counts how often the service said that containerd runs."""

    def __init__(self) -> None:
        self.count = 0
        self.again = trio.Event()

    def __call__(self) -> None:
        self.count += 1
        if self.count == 2:
            self.again.set()


async def test_containerd_is_started_and_ends_with_its_service(base: Path) -> None:
    async with running(embedded(base)) as service:
        assert await version(service)
        verify_external(service.places.socket)
        assert (service.state, service.adopted) == ("running", False)
        pid = service.pid
        assert pid is not None
        assert os.getsid(pid) == pid
    assert reaped(pid)
    assert not service.places.pid_file.exists()
    assert (base / "data/containerd/io.containerd.metadata.v1.bolt").is_dir()


async def test_containerd_left_running_is_adopted(base: Path) -> None:
    async with running(embedded(base, leave_running=True)) as first:
        await version(first)
        pid = first.pid
    assert pid is not None
    assert alive(pid)
    async with running(embedded(base)) as second:
        assert (second.pid, second.adopted) == (pid, True)
        assert await version(second)
    assert not alive(pid)


async def test_containerd_without_a_pid_file_is_known_by_its_socket(base: Path) -> None:
    async with running(embedded(base, leave_running=True)) as first:
        await version(first)
    first.places.pid_file.unlink()
    async with running(embedded(base)) as second:
        assert second.adopted
        assert second.places.pid_file.exists()


async def test_cancelled_service_leaves_containerd_to_the_next(base: Path) -> None:
    async with trio.open_nursery() as nursery:
        first = embedded(base)
        await nursery.start(first.run)
        pid = first.pid
        nursery.cancel_scope.cancel()
    async with running(embedded(base)) as second:
        assert (second.pid, second.adopted) == (pid, True)


async def test_dying_containerd_is_waited_for_and_replaced(base: Path) -> None:
    async with running(embedded(base, leave_running=True)) as first:
        await version(first)
        pid = first.pid
    assert pid is not None
    # Stopped, it neither answers nor dies; then it is let go and dies of the pending signal.
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGTERM)
    first.places.socket.unlink()
    async with trio.open_nursery() as nursery:

        async def let_go() -> None:
            await trio.sleep(0.3)
            os.kill(pid, signal.SIGCONT)

        nursery.start_soon(let_go)
        async with running(embedded(base)) as second:
            assert not second.adopted
            assert second.pid != pid
            assert await version(second)


async def test_killed_containerd_is_started_again_and_its_user_told(base: Path) -> None:
    told = Told()
    service = EmbeddedContainerd(base / "data", base / "exec", on_running=told)
    async with running(service):
        await version(service)
        first = service.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with trio.fail_after(15):
            await told.again.wait()
        assert await version(service)
        assert service.pid not in (None, first)
        assert reaped(first)
    assert service.restarts == 1


async def test_adopted_containerd_that_dies_is_started_again(base: Path) -> None:
    async with running(embedded(base, leave_running=True)) as first:
        await version(first)
    told = Told()
    async with running(EmbeddedContainerd(base / "data", base / "exec", on_running=told)) as second:
        assert second.adopted
        assert second.pid is not None
        os.kill(second.pid, signal.SIGKILL)
        with trio.fail_after(15):
            await told.again.wait()
        assert await version(second)


async def test_containerd_in_another_mount_namespace_is_refused(base: Path) -> None:
    service = embedded(base)
    service._prepare()
    command = ["unshare", "-m", "containerd", "--config", str(service.places.config)]
    with await trio.to_thread.run_sync(
        lambda: subprocess.Popen(command, stderr=subprocess.DEVNULL)
    ) as stranger:
        try:
            await version(service)
            with pytest.raises(SystemFailure, match="another mount namespace"):
                await service.run()
            with pytest.raises(SystemFailure, match="another mount namespace"):
                verify_external(service.places.socket)
        finally:
            stranger.terminate()


async def test_pid_file_of_a_stranger_does_not_count(base: Path) -> None:
    service = embedded(base)
    service._prepare()
    me = identity.identify(os.getpid())
    assert me is not None
    stale = identity.Identity(me.pid, me.start_time + 1, me.boot_id)
    identity.write(service.places.pid_file, stale)
    async with running(service):
        assert not service.adopted


async def test_missing_binary_fails_the_start_with_its_name(base: Path) -> None:
    service = EmbeddedContainerd(base / "data", base / "exec", binary="no-such-containerd")
    with pytest.raises(SystemFailure, match="no-such-containerd"):
        await service.run()
    assert service.state == "stopped"
