from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers.outside import intent
from engine.domain.containers.records import KIND, VERSION, State, Status, to_document
from engine.domain.events.facade import Batch, Document
from tests.engine.domain.containers.containers import container
from tests.engine.domain.containers.rooms import Daemon, Machine

A, B = "a" * 64, "b" * 64


def named(id: str, name: str, **state: object) -> Batch:
    record = container(id=id, name=name, state=State(**state))  # type: ignore[arg-type]
    return Batch().put(to_document(record))


async def test_records_become_cells_under_their_names(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await machine.journal.commit(named(A, "web", status=Status.RUNNING, generation=1))
    await machine.journal.commit(named(B, "db"))
    registry = Daemon(machine).room.registry
    assert (registry.resolve("web").id, registry.resolve("db").id) == (A, B)
    assert registry.resolve("web").running
    assert not registry.resolve("db").leftover


async def test_intents_mark_what_was_under_way(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for id, kind in ((A, "start"), (B, "commit")):
        await machine.journal.commit(named(id, id[:3]))
        await machine.journal.commit(Batch().open(intent(kind, container(id=id))))
    registry = Daemon(machine).room.registry
    first, second = registry.resolve(A), registry.resolve(B)
    assert (first.starting, first.commit_interrupted) == (True, False)
    assert (second.starting, second.commit_interrupted) == (False, True)


async def test_ended_container_may_have_left_its_task(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await machine.journal.commit(named(A, "web", status=Status.EXITED, generation=3, exit_code=4))
    cell = Daemon(machine).room.registry.resolve("web")
    assert cell.leftover
    assert cell.last_exit.exit_code == 4


@pytest.mark.parametrize(
    ("version", "body", "reason"),
    [
        (VERSION + 1, b"{}", "newer than"),
        (VERSION, b"{}", "missing required field"),
        (VERSION, b"\xff", "malformed"),
    ],
)
async def test_damaged_record_goes_to_quarantine_and_the_rest_comes_up(
    tmp_path: Path, version: int, body: bytes, reason: str
) -> None:
    machine = Machine(tmp_path)
    await machine.journal.commit(Batch().put(Document(KIND, A, version, body)))
    await machine.journal.commit(named(B, "db"))
    assert len(Daemon(machine).room.registry) == 1
    assert reason in machine.journal.quarantined[KIND, A]


async def test_second_container_of_a_name_is_called_by_its_id(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await machine.journal.commit(named(A, "web"))
    await machine.journal.commit(named(B, "web"))
    registry = Daemon(machine).room.registry
    assert registry.resolve("web").id == A
    assert registry.resolve(B).record.name == B[:12]
