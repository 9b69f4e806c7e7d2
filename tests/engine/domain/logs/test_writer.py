"""The json-file writer: rotation as dockerd's, repair, full disks, busy locks."""

# ruff: noqa: ASYNC240 - tests look at their files
from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
import trio

from engine.domain.logs.jsonfile import Held, LineAssembler
from engine.domain.logs.options import JsonFileOptions
from engine.domain.logs.writer import JsonFileLog, Unmarked

NOW = 1_795_491_946_800_000_000


def records(text: bytes) -> bytes:
    return LineAssembler("stdout").feed(Held(), text, NOW)[0]


def records_of(log: JsonFileLog) -> list[bytes]:
    return Path(log.path).read_bytes().splitlines()


LINE = records(b"line\n")


async def test_file_is_rotated_before_the_record_that_finds_it_full(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "l"), JsonFileOptions(max_size=3 * len(LINE), max_file=3))
    await log.append(LINE * 10)
    sizes = {path.name: path.stat().st_size // len(LINE) for path in tmp_path.iterdir()}
    assert sizes == {"l": 1, "l.1": 3, "l.2": 3}
    assert (tmp_path / "l").stat().st_mode & 0o777 == 0o640
    await log.close()


async def test_file_may_exceed_the_limit_by_its_last_record(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "l"), JsonFileOptions(max_size=len(LINE) + 1, max_file=9))
    await log.append(LINE * 5)
    sizes = sorted(path.stat().st_size // len(LINE) for path in tmp_path.iterdir())
    assert sizes == [1, 2, 2]
    await log.close()


async def test_single_file_starts_anew(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "l"), JsonFileOptions(max_size=3 * len(LINE)))
    await log.append(LINE * 7)
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == {"l": len(LINE)}
    await log.close()


async def test_rotated_files_are_compressed(tmp_path: Path) -> None:
    options = JsonFileOptions(max_size=2 * len(LINE), max_file=3, compress=True)
    log = JsonFileLog(str(tmp_path / "l"), options)
    for _ in range(7):
        await log.append(LINE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l", "l.1.gz", "l.2.gz"]
    assert gzip.decompress((tmp_path / "l.2.gz").read_bytes()) == LINE * 2
    await log.close()


async def test_torn_record_is_cut_off_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(LINE + b'{"log":"' + b"x" * 100_000)
    log = JsonFileLog(str(path))
    await log.append(LINE)
    await log.close()
    assert path.read_bytes() == LINE * 2
    path.write_bytes(b"torn")
    await JsonFileLog(str(path)).close()
    assert path.read_bytes() == b""


async def test_records_that_do_not_fit_on_the_disk_are_counted(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "l"))
    await log.append(LINE)
    full = os.open("/dev/full", os.O_WRONLY)
    log._fd, kept = full, log._fd
    mark = Unmarked()
    await log.append(LINE * 3, mark)
    assert (log.lost, mark.written) == (3, 3 * len(LINE))
    assert log.last_error is not None
    log._fd = kept
    await log.append(LINE)
    assert (tmp_path / "l").read_bytes() == LINE * 2
    await log.close()
    os.close(full)


async def test_append_waits_in_a_thread_for_a_busy_log(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "l"))
    log._lock.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.append, LINE)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        assert log.size == 0
        log._lock.release()
    assert log.size == len(LINE)
    await log.close()


async def test_slow_write_sends_the_next_ones_to_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonFileLog(str(tmp_path / "l"))
    monkeypatch.setattr("engine.domain.logs.writer.SLOW", -1)
    await log.append(LINE)
    threads = []
    run_sync = trio.to_thread.run_sync

    async def counted(work: object, *args: object) -> object:
        threads.append(work)
        return await run_sync(work, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("trio.to_thread.run_sync", counted)
    await log.append(LINE)
    assert len(threads) == 1
    assert [json.loads(r)["log"] for r in records_of(log)] == ["line\n"] * 2
    await log.close()
