from __future__ import annotations

from pathlib import Path

import pytest
import trio

from engine.domain.containers.records import Status
from engine.errors import Conflict, InvalidParameter, NotModified, SystemFailure, Unavailable
from engine.models.networks import PortBinding
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running

MISSING = 'runc create failed: exec: "nosuch": executable file not found in $PATH'


async def test_start_commits_a_running_record_with_its_events(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        state = cell.record.state
        assert (state.status, state.generation) == (Status.RUNNING, 1)
        assert state.pid == daemon.runtime.tasks.process(cell.id).pid
        assert state.started_ns > 0
        assert daemon.machine.record(cell.id) == cell.record
        assert daemon.journal.told == ["container create", "network connect", "container start"]
        assert daemon.journal.intents("start") == []


async def test_start_gives_the_process_its_streams_root_and_network(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", open_stdin=True)
        process = daemon.runtime.tasks.process(cell.id)
        directory = str(tmp_path / "exec" / "fifo" / cell.id)
        assert (process.stdin, process.stdout, process.stderr) == (
            f"{directory}/stdin",
            f"{directory}/stdout",
            f"{directory}/stderr",
        )
        sandbox = cell.record.network.sandbox
        assert sandbox is not None
        assert sandbox.netns_path in daemon.machine.network.links.spaces
        assert sandbox.netns_path.encode() in process.spec
        assert cell.record.endpoints["bridge"].network_id == sandbox.endpoints[0].network_id
        assert daemon.machine.holder.held.keys() == {cell.id}


async def test_terminal_has_no_standard_error(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        process = daemon.runtime.tasks.process((await daemon.run(tty=True)).id)
        assert (process.stderr, process.terminal) == ("", True)


async def test_published_ports_are_in_the_record_while_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run(port_bindings={"80/tcp": [PortBinding(host_port="8080")]})
        assert [each.host_port for each in cell.record.network.published] == [8080, 8080]
        await daemon.ends(cell)
        assert cell.record.network.published == []
        assert daemon.networks.published(cell.id) == []


async def test_second_start_is_not_modified(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        with pytest.raises(NotModified):
            await daemon.containers.start("web")
        assert cell.record.state.generation == 1


@pytest.mark.parametrize(
    ("call", "text", "kind", "code"),
    [
        ("tasks.create", MISSING, InvalidParameter, 127),
        ("tasks.start", MISSING, InvalidParameter, 127),
        ("tasks.create", "permission denied", InvalidParameter, 126),
        ("tasks.create", "cgroups: no space left", SystemFailure, 128),
    ],
)
async def test_failed_start_leaves_nothing_but_its_reason(
    tmp_path: Path, call: str, text: str, kind: type[Exception], code: int
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web", cmd=["nosuch"])
        waited = daemon.containers.wait("web", "next-exit")
        daemon.runtime.failures[call] = SystemFailure(text)
        with pytest.raises(kind, match=text.split(":")[0]):
            await daemon.containers.start("web")
        state = cell.record.state
        assert (state.status, state.exit_code) == (Status.CREATED, code)
        assert state.error.startswith(text)
        assert (await waited()).exit_code == code
        assert daemon.machine.record(cell.id) == cell.record
        assert daemon.runtime.tasks.all == {}
        assert daemon.machine.network.links.spaces == {}
        assert daemon.journal.intents("start") == []
        assert not cell.streams.opened
        assert daemon.machine.holder.held == {}


async def test_start_after_a_failed_one_begins_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        daemon.runtime.failures["tasks.start"] = SystemFailure("no luck")
        with pytest.raises(SystemFailure, match="no luck"):
            await daemon.containers.start("web")
        await daemon.containers.start("web")
        assert (cell.record.state.status, cell.record.state.error) == (Status.RUNNING, "")


async def test_auto_removed_container_goes_with_its_failed_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web", auto_remove=True)
        daemon.runtime.failures["tasks.create"] = SystemFailure("no luck")
        with pytest.raises(SystemFailure, match="no luck"):
            await daemon.containers.start("web")
        assert cell.removed.is_set()
        assert daemon.machine.record(cell.id) is None


async def test_port_that_is_taken_fails_the_start_and_frees_the_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.host.others.add(("tcp", 81))
        bindings = {f"{n}/tcp": [PortBinding(host_port=str(n))] for n in (80, 81)}
        cell = await daemon.create("web", port_bindings=bindings)
        with pytest.raises(
            SystemFailure, match=r"port is already allocated|address already in use"
        ):
            await daemon.containers.start("web")
        assert cell.record.state.exit_code == 128
        assert daemon.machine.network.host.bound == set()
        assert daemon.runtime.tasks.all == {}


async def test_store_that_is_away_at_the_end_takes_the_start_back(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.journal.away = True
        with pytest.raises(Unavailable):
            await daemon.containers.start("web")
        assert cell.record.state.status is Status.CREATED
        assert daemon.runtime.tasks.all == {}


async def test_task_of_the_last_run_that_stays_bars_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.delete"] = SystemFailure("shim hangs")
        daemon.runtime.lasting.add("tasks.delete")
        await daemon.ends(cell)
        assert cell.leftover
        with pytest.raises(SystemFailure, match="the task of its last run cannot be deleted"):
            await daemon.containers.start("web")
        del daemon.runtime.failures["tasks.delete"]
        await daemon.containers.start("web")
        assert cell.record.state.generation == 2


async def test_joined_container_must_run(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        host = await daemon.create("host")
        cell = await daemon.create("guest", network_mode="container:host")
        text = f"cannot join network of a non running container: {host.id}"
        with pytest.raises(Conflict, match=text):
            await daemon.containers.start("guest")
        await daemon.containers.start("host")
        await daemon.containers.start("guest")
        first, second = (each.record.network.sandbox for each in (host, cell))
        assert first is not None
        assert second is not None
        assert first.netns_path == second.netns_path


async def test_start_runs_on_when_its_client_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        gate = daemon.runtime.hold("tasks.create")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.containers.start, "web")
            await gate.reached.wait()
            nursery.cancel_scope.cancel()
        assert cell.record.state.status is Status.CREATED
        gate.open()
        await settled()
        assert cell.record.state.status is Status.RUNNING
