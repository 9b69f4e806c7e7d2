from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import NotFound, Unavailable
from tests.engine.domain.containers.containers import ID, container
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, Machine, running


async def test_forgotten_container_is_gone_from_memory_and_on_its_way_out_of_the_tree(
    tmp_path: Path,
) -> None:
    room = Daemon(Machine(tmp_path)).room
    cell = room.cell_of(container())
    room.registry.add(cell)
    cell.forget()
    assert cell.removed.is_set()
    assert room.registry.get(ID) is None
    assert room.departures.receive_nowait() == ID


async def test_streams_of_a_container_have_a_place_of_their_own(tmp_path: Path) -> None:
    cell = Daemon(Machine(tmp_path)).room.cell_of(container())
    assert cell.streams.directory == tmp_path / "exec" / "fifo" / ID
    assert not cell.streams.opened


@pytest.mark.parametrize("failure", [None, NotFound("ended"), Unavailable("away")])
async def test_end_of_input_is_passed_on_and_no_matter_if_nobody_takes_it(
    tmp_path: Path, failure: NotFound | None
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", open_stdin=True)
        if failure is not None:
            daemon.runtime.failures["tasks.close_io"] = failure
        await cell.streams.stdin.close()
        await settled()
        assert daemon.runtime.tasks.process(cell.id).stdin_closed is (failure is None)
