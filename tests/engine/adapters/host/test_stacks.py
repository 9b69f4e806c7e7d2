from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from engine.adapters.host.stacks import task_tree, write_stacks


async def waits_for_ever() -> None:
    await trio.sleep_forever()


async def test_every_task_stands_under_its_nursery_with_where_it_waits() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits_for_ever, name="the sleeper")
        await wait_all_tasks_blocked()
        lines = task_tree().splitlines()
        nursery.cancel_scope.cancel()
    (at,) = (n for n, line in enumerate(lines) if line.strip() == "task the sleeper")
    frame = lines[at + 1]
    assert "waits_for_ever" in frame
    assert f"{__file__}:" in frame
    nurseries = [line for line in lines[:at] if line.strip() == "nursery"]
    depth = len(lines[at]) - len(lines[at].lstrip())
    assert any(len(each) - len(each.lstrip()) < depth for each in nurseries)


def test_file_is_named_as_dockerds_and_is_for_root_alone(tmp_path: Path) -> None:
    path = write_stacks(tmp_path, "text\n")
    assert path.parent == tmp_path
    assert path.name.startswith("goroutine-stacks-")
    assert ":" not in path.name
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("text\n", 0o600)
