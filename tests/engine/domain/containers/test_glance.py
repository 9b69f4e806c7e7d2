from __future__ import annotations

from pathlib import Path

from engine.domain.containers.glance import Watch, glance, processes
from tests.engine.domain.containers.rooms import running


async def test_watch_tells_what_is_new_changed_and_gone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        containers, watch = daemon.containers, Watch()
        assert watch.changes(containers.cells()) == ([], [])
        made = (await daemon.create("first")).id
        (fresh,), gone = watch.changes(containers.cells())
        assert (fresh.id, fresh.name, fresh.state, gone) == (made, "first", "created", [])
        assert watch.changes(containers.cells()) == ([], [])
        assert processes(containers.cells()) == {}
        await containers.start("first")
        (fresh,), _ = watch.changes(containers.cells())
        assert (fresh.state, fresh.started > 0) == ("running", True)
        cell = containers.cell("first")
        assert glance(cell.record) == fresh
        assert processes(containers.cells()) == {made: (cell.record.state.pid, True)}
        await containers.remove("first", force=True)
        assert watch.changes(containers.cells()) == ([], [made])


async def test_actions_are_timed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("first")
        await daemon.containers.start("first")
        await daemon.containers.remove("first", force=True)
        times = daemon.containers.tallies.times["container_actions"]
        assert [sum(times[each].counts) for each in ("create", "start", "delete")] == [1, 1, 1]
