from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.adapters.store import service
from engine.adapters.store.copy import Copy
from engine.adapters.store.database import Database
from engine.adapters.store.opening import SUSPECT, Repair
from engine.adapters.store.service import GROUP, MOST_UNCOPIED, StoreService
from engine.domain.events.messages import Batch, Commit, Document, NewEvent
from engine.domain.events.records import Event
from engine.errors import Unavailable
from supervisors import Mailbox, ServiceCrashed


class Rig:
    """The store's service over a real database, with what it told the bus."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path / "state.db")
        self.mailbox: Mailbox[Commit] = Mailbox("store", 1024)
        self.told: list[int] = []
        self.heads: list[int] = []
        self.groups: list[int] = []
        commit = self.database.commit

        def counted(batches: Sequence[Batch]) -> list[list[Event]]:
            self.groups.append(len(batches))
            return commit(batches)

        self.database.commit = counted  # type: ignore[method-assign]

    def service(self) -> StoreService:
        return StoreService(self.database, self.mailbox, self.tell, self.heads.append)

    def tell(self, events: Sequence[Event]) -> None:
        self.told += [each.seq for each in events]

    async def commit(self, *actions: str) -> int:
        events = [NewEvent("container", action, "a", {}) for action in actions]
        return await self.mailbox.ask(Commit(Batch(events=events)))


@asynccontextmanager
async def serving(rig: Rig) -> AsyncIterator[None]:
    service = rig.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield
        await service.stop()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.database.close()


async def test_answer_is_the_number_of_the_last_event(rig: Rig) -> None:
    async with serving(rig):
        assert await rig.commit("a", "b") == 2
        assert await rig.commit() == 0
        assert await rig.commit("c") == 3
    assert rig.told == [1, 2, 3]


async def test_waiting_commits_are_one_transaction(rig: Rig) -> None:
    answers: list[int] = []

    async def commit(number: int) -> None:
        answers.append(await rig.commit(str(number)))

    async with trio.open_nursery() as nursery:
        for number in range(GROUP + 6):
            nursery.start_soon(commit, number)
        await wait_all_tasks_blocked()
        async with serving(rig):
            while len(answers) < GROUP + 6:
                await trio.lowlevel.checkpoint()
    assert sorted(answers) == list(range(1, GROUP + 7))
    assert rig.groups[0] == GROUP + 1
    assert sum(rig.groups) == GROUP + 6
    assert rig.told == sorted(answers)


async def test_fresh_service_tells_the_head(rig: Rig) -> None:
    async with serving(rig):
        await rig.commit("a", "b")
    async with serving(rig):
        assert rig.heads == [0, 2]


async def test_disk_that_fails_is_an_outage_for_those_who_ask_and_no_crash(rig: Rig) -> None:
    committed = rig.database.commit

    def full(batches: Sequence[Batch]) -> list[list[Event]]:
        raise sqlite3.OperationalError("database or disk is full")

    async with serving(rig):
        rig.database.commit = full  # type: ignore[method-assign]
        with pytest.raises(Unavailable, match=r"cannot be written: database or disk is full"):
            await rig.commit("a")
        rig.database.commit = committed  # type: ignore[method-assign]
        assert await rig.commit("a") == 1


async def test_commit_whose_asker_has_left_is_made_true_once_it_is_taken(rig: Rig) -> None:
    document = Document("container", "a", 1, b"{}")
    async with serving(rig):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.mailbox.ask, Commit(Batch().put(document)))
            while not rig.groups:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        await rig.commit("after")
    assert rig.database.load("container") == [document]


async def test_repairs_are_told_once_and_the_copy_is_brought_up_to_date(
    rig: Rig, tmp_path: Path
) -> None:
    document = Document("container", "a", 1, b"{}")
    rig.database.commit([Batch().put(document)])
    copy, repairs = Copy(tmp_path / "state.copy.db"), [Repair("state.db", "zeroed", "/aside", 3)]

    def service() -> StoreService:
        return StoreService(
            rig.database, rig.mailbox, rig.tell, rig.heads.append, copy=copy, repairs=repairs
        )

    rig.service = service  # type: ignore[method-assign]
    for _ in range(2):
        async with serving(rig):
            await rig.commit("start")
            assert repairs == []
    bodies = [event.body for event in rig.database.read_events(0, 10)]
    assert sum(b'"repair"' in body for body in bodies) == 1
    assert copy.find("container", "a") == document
    copy.close()


async def test_copy_is_written_in_a_pause_and_at_the_end(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "COPY_AFTER", 0.3)
    copy = Copy(tmp_path / "state.copy.db")
    first, second = (Document("container", each, 1, b"{}") for each in "ab")
    rig.service = lambda: StoreService(  # type: ignore[method-assign]
        rig.database, rig.mailbox, rig.tell, rig.heads.append, copy=copy
    )
    async with serving(rig):
        await rig.mailbox.ask(Commit(Batch().put(first)))
        assert copy.find("container", "a") is None
        for _ in range(30):
            await trio.sleep(service.COPY_AFTER)
            if copy.find("container", "a") is not None:
                break
        assert copy.find("container", "a") == first
        await rig.mailbox.ask(Commit(Batch().put(second)))
    assert copy.find("container", "b") == second
    copy.close()


async def test_who_never_pauses_does_not_put_the_copy_off_for_ever(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "COPY_AFTER", 1000.0)
    copy = Copy(tmp_path / "state.copy.db")
    rig.service = lambda: StoreService(  # type: ignore[method-assign]
        rig.database, rig.mailbox, rig.tell, rig.heads.append, copy=copy
    )
    async with serving(rig):
        for number in range(MOST_UNCOPIED - 2):
            await rig.mailbox.ask(Commit(Batch().put(Document("container", f"{number}", 1, b"{}"))))
        assert copy.find("container", "0") is None
        for _ in range(3):
            await rig.mailbox.ask(Commit(Batch()))
        assert copy.find("container", "0") is not None
    copy.close()


async def test_damage_found_at_work_is_remembered_for_the_next_start(
    rig: Rig, tmp_path: Path
) -> None:
    def damaged(batches: Sequence[Batch]) -> list[list[Event]]:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    rig.database.commit = damaged  # type: ignore[method-assign]
    with pytest.RaisesGroup(sqlite3.DatabaseError, allow_unwrapped=True, flatten_subgroups=True):
        async with serving(rig):
            with pytest.raises(ServiceCrashed):
                await rig.commit("start")
    assert (tmp_path / SUSPECT).exists()
