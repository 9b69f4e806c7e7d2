from __future__ import annotations

from pathlib import Path

from engine.domain.containers.records import Status
from tests.engine.domain.containers.rooms import running


async def test_start_commits_a_running_record_with_its_events(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        assert cell.record.state.status is Status.RUNNING
        print(daemon.journal.told)
        await daemon.ends(cell, 3)
        print(daemon.journal.told, cell.record.state)
