from __future__ import annotations

from pathlib import Path

import pytest
import trio

from engine.domain.containers.cell import ExitResult
from engine.domain.containers.records import Status
from engine.domain.logs.decoder import Selection
from engine.errors import InvalidParameter, NotFound, NotImplementedHere
from engine.models.containers import LogConfig, RestartPolicy, UpdateRequest
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Machine, living, running
from tests.fakes.images import IMAGE_ID


async def test_counts_are_of_running_paused_and_all_others(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create()
        await daemon.run("web")
        await daemon.run("db")
        await daemon.containers.pause("db")
        ended = await daemon.run()
        await daemon.ends(ended)
        assert daemon.containers.counts() == (1, 1, 2)


async def test_users_of_an_image_are_told_with_whether_they_run(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        idle, web = await daemon.create(), await daemon.run("web")
        assert sorted(daemon.containers.users_of_image(IMAGE_ID)) == sorted(
            [(idle.id, False), (web.id, True)]
        )
        assert daemon.containers.users_of_image("sha256:other") == []


@pytest.mark.parametrize("condition", ["", "not-running"])
async def test_wait_for_what_does_not_run_ends_at_once(tmp_path: Path, condition: str) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.ends(cell, 3)
        assert await daemon.containers.wait("web", condition)() == ExitResult(3)


async def test_wait_for_the_next_exit_counts_from_when_it_was_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        waited = daemon.containers.wait("web", "next-exit")
        await daemon.containers.start("web")
        await daemon.ends(cell, 4)
        assert await waited() == ExitResult(4)
        later = daemon.containers.wait("web", "next-exit")
        with trio.move_on_after(0.01):
            await later()
            pytest.fail("there was no exit since")


async def test_wait_is_refused_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web")
        with pytest.raises(InvalidParameter, match="invalid condition: 'never'"):
            daemon.containers.wait("web", "never")
        with pytest.raises(NotFound, match="No such container: db"):
            daemon.containers.wait("db", "removed")


async def test_log_is_read_back(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", tty=True)
        daemon.runtime.write(cell.id, b"hello\n")
        await daemon.ends(cell)
        async with daemon.containers.logs("web", Selection(stdout=True)) as stream:
            assert b"".join([each async for each in stream]) == b"hello\n"


async def test_log_refusals_are_dockerds(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        text = "^Bad parameters: you must choose at least one stream$"
        with pytest.raises(InvalidParameter, match=text):
            daemon.containers.logs("web", Selection(stdout=False, stderr=False))
        await daemon.create("mute", log_config=LogConfig(type="none"))
        with pytest.raises(NotImplementedHere, match="does not support reading"):
            daemon.containers.logs("mute", Selection(stdout=True))
        cell.record = cell.record.with_state(status=Status.DEAD)
        with pytest.raises(NotFound, match="dead or marked for removal"):
            daemon.containers.logs("web", Selection(stdout=True))


async def test_report_of_a_log_says_where_it_goes(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    try:
        async with living(machine) as daemon:
            gelf = LogConfig(type="gelf", config={"gelf-address": "udp://127.0.0.1:1"})
            cell = await daemon.run("web", log_config=gelf, tty=True)
            machine.receivers.down = True
            daemon.runtime.write(cell.id, b"one\ntwo\n")
            await daemon.ends(cell)
            report = await daemon.containers.log_report("web")
            assert (report["Driver"], report["SpooledLines"]) == ("gelf", 2)
            async with daemon.containers.logs("web", Selection(stdout=True)) as stream:
                assert b"".join([each async for each in stream]) == b"one\ntwo\n"
            await daemon.create("plain")
            assert await daemon.containers.log_report("plain") == {"Driver": "json-file"}
            with pytest.raises(NotFound):
                await daemon.containers.log_report("nosuch")
        machine.receivers.down = False
        async with living(machine) as daemon:  # after the first one's death
            await settled()
            assert machine.receivers.texts["web"] == ["one", "two"]
            await daemon.containers.start("web")
            daemon.runtime.write(cell.id, b"three\n")
            await daemon.ends(daemon.containers.cell("web"))
            assert machine.receivers.texts["web"] == ["one", "two", "three"]
            report = await daemon.containers.log_report("web")
            assert (report["Delivered"], report["SpooledLines"]) == (3, 0)
            await daemon.containers.remove("web")
            await settled()
            assert list((tmp_path / "data" / "logs").iterdir()) == []
    finally:
        machine.close()


async def test_bad_signals_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        for call in (daemon.containers.stop, daemon.containers.restart, daemon.containers.kill):
            with pytest.raises(InvalidParameter, match="Invalid signal: NOSUCH"):
                await call("web", signal="NOSUCH")


async def test_sizes_are_the_layers_own_and_the_images(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.snapshots.sizes[cell.id] = 50
        inspected = await daemon.containers.inspect_with_sizes("web")
        assert (inspected.size_rw, inspected.size_root_fs) == (50, 1050)
        (listed,) = await daemon.containers.list_with_sizes(daemon.containers.list())
        assert (listed.size_rw, listed.size_root_fs) == (50, 1050)
        daemon.machine.images.known.clear()
        del daemon.runtime.snapshots.all[cell.id]
        inspected = await daemon.containers.inspect_with_sizes("web")
        assert (inspected.size_rw, inspected.size_root_fs) == (0, 0)


async def test_update_changes_the_limits_of_what_runs_and_its_policy(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        policy = RestartPolicy(name="always")
        request = UpdateRequest(memory=64 << 20, memory_swap=-1, restart_policy=policy)
        assert (await daemon.containers.update("web", request)).warnings is None
        assert cell.record.host.memory == 64 << 20
        assert cell.record.host.restart_policy == policy
        assert daemon.runtime.tasks.resources[cell.id]["memory"]["limit"] == 64 << 20
        assert daemon.machine.record(cell.id) == cell.record
        await daemon.containers.stop("web")


async def test_inspect_and_list_know_by_any_reference(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        for reference in (cell.id, cell.id[:6], "web", "/web"):
            assert daemon.containers.inspect(reference).id == cell.id
        assert [each.id for each in daemon.containers.list(filters={"name": ["web"]})] == [cell.id]
