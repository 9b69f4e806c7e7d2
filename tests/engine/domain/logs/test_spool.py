from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.domain.logs.options import JsonFileOptions
from engine.domain.logs.spool import STATE, Spool
from engine.domain.logs.writer import JsonFileLog
from tests.engine.domain.logs.records import drained, numbers, records, spool


def log_of(spool: Spool, *, max_size: int = 4000, max_file: int = 3) -> JsonFileLog:
    options = JsonFileOptions(max_size, max_file)
    return JsonFileLog(spool.path, options, spool.rotating)


async def test_lines_come_in_order_and_once_over_files(tmp_path: Path) -> None:
    place = spool(tmp_path, max_file=50)
    log = log_of(place, max_file=50)
    got: list[str] = []
    for start in range(0, 1000, 100):
        await log.append(records(start, start + 100))
        got += drained(place)
    assert got == numbers(0, 1000)
    assert (place.delivered, place.dropped) == (1000, 0)
    assert place.backlog() == (0, 0)
    assert not place.pending()
    await log.close()


async def test_backlog_is_bounded_by_the_files_and_what_goes_is_counted(tmp_path: Path) -> None:
    place = spool(tmp_path)
    log = log_of(place)
    for start in range(0, 5000, 50):
        await log.append(records(start, start + 50))
    waiting = place.backlog()
    assert waiting.bytes <= 3 * 4100
    got = drained(place)
    assert got == numbers(5000 - len(got), 5000)
    assert len(got) == waiting.lines
    assert place.dropped == 5000 - len(got)
    assert place.delivered == len(got)
    await log.close()


async def test_single_file_drops_all_that_waits_when_it_is_full(tmp_path: Path) -> None:
    place = spool(tmp_path, max_file=1)
    log = log_of(place, max_file=1)
    for start in range(0, 500, 10):
        await log.append(records(start, start + 10))
    got = drained(place)
    assert got == numbers(500 - len(got), 500)
    assert place.dropped + place.delivered == 500
    await log.close()


async def test_batch_under_way_while_its_file_goes_is_not_counted_as_dropped(
    tmp_path: Path,
) -> None:
    place = spool(tmp_path, max_file=2)
    log = log_of(place, max_file=2)
    await log.append(records(0, 30))
    batch = place.read()
    assert batch is not None
    for start in range(30, 300, 30):
        await log.append(records(start, start + 30))
    place.commit(batch)
    got = drained(place)
    assert place.delivered == 30 + len(got)
    assert place.dropped == 300 - 30 - len(got)
    assert got == numbers(300 - len(got), 300)
    await log.close()


async def test_next_daemon_goes_on_where_this_one_was_killed(tmp_path: Path) -> None:
    first = spool(tmp_path, max_file=50)
    log = log_of(first, max_file=50)
    await log.append(records(0, 100))
    batch = first.read()
    assert batch is not None
    first.commit(batch)
    await log.append(records(100, 300))
    assert first.read() is not None  # under way when the kill comes

    second = spool(tmp_path, max_file=50)
    assert second.delivered == len(batch.lines)
    assert drained(second) == numbers(len(batch.lines), 300)
    assert second.delivered == 300
    await log.close()


async def test_file_that_takes_over_an_old_ones_inode_is_read_from_its_start(
    tmp_path: Path,
) -> None:
    place = spool(tmp_path)
    log = log_of(place)
    for start in range(0, 3000, 100):
        await log.append(records(start, start + 100))
        again = spool(tmp_path)  # a kill after each append
        got = drained(again)
        assert got == numbers(start + 100 - len(got), start + 100)
        assert again.delivered + again.dropped == start + 100
        again.close()
        place._place, place.delivered = place._load(), again.delivered
    await log.close()


async def test_limit_drops_the_oldest(tmp_path: Path) -> None:
    place = spool(tmp_path, max_file=50, limit=2000)
    log = log_of(place, max_file=50)
    await log.append(records(0, 400))
    place.trim()
    waiting = place.backlog()
    assert waiting.bytes <= 2000
    got = drained(place)
    assert got == numbers(400 - waiting.lines, 400)
    assert place.dropped == 400 - waiting.lines
    await log.close()


async def test_truncated_log_is_read_from_its_start(tmp_path: Path) -> None:
    place = spool(tmp_path)
    log = JsonFileLog(place.path)
    await log.append(records(0, 50))
    assert drained(place) == numbers(0, 50)
    os.truncate(place.path, 0)
    await log.append(records(50, 60))
    assert drained(place) == numbers(50, 60)
    await log.close()


@pytest.mark.parametrize("damage", [b"", b"\0" * 44, b"rubbish"])
async def test_damaged_place_delivers_again_rather_than_nothing(
    tmp_path: Path, damage: bytes
) -> None:
    place = spool(tmp_path)
    log = JsonFileLog(place.path)
    await log.append(records(0, 10))
    drained(place)
    (tmp_path / STATE).write_bytes(damage)
    assert drained(spool(tmp_path)) == numbers(0, 10)
    await log.close()


async def test_damaged_record_counts_as_dropped(tmp_path: Path) -> None:
    place = spool(tmp_path)
    log = JsonFileLog(place.path)
    await log.append(records(0, 1) + b"{rubbish\n" + records(1, 2))
    assert drained(place) == ["0", "1"]
    assert place.dropped == 1
    await log.close()


def test_nothing_is_read_from_no_log(tmp_path: Path) -> None:
    place = spool(tmp_path)
    assert place.read() is None
    assert not place.pending()
    place.close()
    place.close()
