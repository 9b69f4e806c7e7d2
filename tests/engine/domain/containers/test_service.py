from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.records import Status
from engine.errors import NotFound, SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, Machine, living, running, statuses


async def test_create_prepares_the_start_ahead(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        assert cell.preparation is not None
        assert cell.id in daemon.runtime.containers.all
        before = daemon.runtime.calls.count("snapshots.prepare")
        await daemon.containers.start("web")
        assert daemon.runtime.calls.count("snapshots.prepare") == before
        assert cell.preparation is None


async def test_what_fails_ahead_is_told_by_the_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.links.failure = SystemFailure("no veth")
        await daemon.create("web")
        await settled()
        with pytest.raises(SystemFailure, match="no veth"):
            await daemon.containers.start("web")
        daemon.machine.network.links.failure = None
        await daemon.containers.start("web")


async def test_creates_run_beside_each_other_and_one_refusal_stops_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(daemon.create, f"c{n}")
            with pytest.raises(NotFound):
                await daemon.create("bad", image="nosuch")
        assert len(daemon.room.registry) == 10


async def test_only_containers_that_something_happens_to_are_supervised(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("idle")
        assert daemon.nursery.names() == ()
        cell = await daemon.run("web")
        assert daemon.nursery.names() == (cell.id[:12],)
        first = await daemon.nursery.supervise(cell)
        assert await daemon.nursery.supervise(cell) is first


async def test_without_live_restore_survivors_are_stopped_and_policies_rule(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        await daemon.run("once")
        await daemon.run("always", restart="always")
        await daemon.run("gone", auto_remove=True)
    async with living(machine) as daemon:
        await trio.sleep(5)
        assert statuses(daemon) == {"once": Status.EXITED, "always": Status.RUNNING}
        assert daemon.containers.cell("always").record.state.generation == 2
        assert daemon.containers.cell("once").record.state.exit_code == 128 + 15
    machine.close()


async def test_with_live_restore_survivors_live_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    async with living(machine) as daemon:
        await settled()
        assert daemon.containers.cell("web").record.state.generation == 1
        assert machine.holder.retained == [cell.id]
        await daemon.containers.stop("web")
        assert statuses(daemon) == {"web": Status.EXITED}
    machine.close()


@pytest.mark.parametrize(
    ("policy", "stopped", "status"),
    [
        ("always", True, Status.RUNNING),
        ("unless-stopped", True, Status.EXITED),
        ("unless-stopped", False, Status.RUNNING),
        ("no", False, Status.EXITED),
    ],
)
async def test_start_of_the_daemon_starts_what_its_policy_wants(
    tmp_path: Path, patient_clock: MockClock, policy: str, stopped: bool, status: Status
) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        await daemon.run("web", restart=policy)
        if stopped:
            await daemon.containers.stop("web")
    async with living(machine) as daemon:
        await trio.sleep(5)
        assert statuses(daemon) == {"web": status}
    machine.close()


async def test_containers_have_their_last_say_before_the_service_takes_mail(
    tmp_path: Path,
) -> None:
    """Nobody lists a container as running whose exit is there to be learned."""
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    machine.runtime.exit(cell.id, 7)
    async with living(machine, watch=False) as daemon:
        (listed,) = daemon.containers.list(all=True)
        assert listed.state == "exited"


async def test_service_that_crashes_comes_back_and_keeps_what_it_knew(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.supervisor.restart("service")
        assert await daemon.create("db")
        assert daemon.containers.cell("web") is cell
        assert cell.record.state.status is Status.RUNNING


async def test_supervisor_of_a_container_removed_while_nobody_looked_is_seen_off(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.room.registry.discard(cell.id)
        await daemon.supervisor.restart("service")
        await settled()
        assert daemon.nursery.names() == ()


async def test_networks_and_volumes_get_back_what_the_records_say(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web", binds=["vol:/data"])
        spaces = set(machine.network.links.spaces)
    async with living(machine) as daemon:
        assert set(machine.network.links.spaces) == spaces
        assert list(daemon.volumes.users("vol")) == [cell.id]
        assert len(daemon.networks.inspect("bridge")["Containers"]) == 1
    machine.close()


async def test_restart_that_is_due_for_a_removed_container_is_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.nursery.again("f" * 64)
        assert isinstance(daemon, Daemon)
        assert daemon.nursery.names() == ()
