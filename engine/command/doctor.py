"""`trimaran doctor`: looks at a data root while no daemon runs on it, repairs it when asked to, says what it found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.adapters.host.identity import DataRoot
from engine.adapters.store.database import Database
from engine.adapters.store.opening import COPY, QUARANTINE, STATE, mark_suspect, open_state
from engine.domain.containers.records import KIND as CONTAINER
from engine.domain.containers.records import from_document
from engine.errors import EngineError, SystemFailure


class Findings(msgspec.Struct):
    """`wrong` is what a start repairs or leaves out, `told` everything else that is worth a line."""

    wrong: list[str] = msgspec.field(default_factory=list)
    told: list[str] = msgspec.field(default_factory=list)


def examine(data_root: Path, *, repair: bool) -> Findings:
    """SystemFailure when a daemon uses the data root, or there is none."""
    if not (data_root / STATE).exists() and not (data_root / "engine.json").exists():
        raise SystemFailure(f"{data_root} is not a data root of trimarand")
    found = Findings()
    root = DataRoot(data_root)
    try:
        root.claim(heal=repair)
        found.wrong += root.damaged
        if repair:
            _repair(data_root, found)
        else:
            _look(data_root, found)
    finally:
        root.release()
    return found


def _repair(data_root: Path, found: Findings) -> None:
    mark_suspect(data_root)  # so that everything is checked, however large
    state = open_state(data_root)
    try:
        for each in state.repairs:
            moved = f", moved to {each.moved_to}" if each.moved_to else ""
            found.wrong.append(f"{each.what}: {each.reason}{moved}; {each.restored} restored")
        if state.copy is not None:
            state.copy.catch_up(state.database)
        found.told += _contents(data_root, state.database)
    finally:
        state.close()


def _look(data_root: Path, found: Findings) -> None:
    """Without changing anything but SQLite's own files."""
    for name in (STATE, COPY):
        path = data_root / name
        if not path.exists():
            found.wrong.append(f"{name} is missing")
            continue
        try:
            found.wrong += _look_into(path, name)
        except sqlite3.DatabaseError as error:
            found.wrong.append(f"{name}: {error}")
            continue
        if name == STATE:
            database = Database(path)
            found.told += _contents(data_root, database)
            database.close()


def _look_into(path: Path, name: str) -> Iterator[str]:
    if path.stat().st_size == 0:
        yield f"{name} is empty"
        return
    database = Database(path)
    try:
        database.check()
        for kind, id_ in database.fingerprints():
            if database.find(kind, id_) is None:
                yield f"{name}: the record of {kind} {id_} is damaged"
    finally:
        database.close()


def _contents(data_root: Path, database: Database) -> Iterator[str]:
    keys = database.fingerprints()
    for kind in sorted({kind for kind, _ in keys}):
        yield f"{sum(each == kind for each, _ in keys)} records of kind {kind}"
    for kind, id_ in keys:
        document = database.find(kind, id_)
        if kind == CONTAINER and document is not None:
            try:
                from_document(document)
            except (ValueError, msgspec.MsgspecError) as error:
                yield f"the record of container {id_} cannot be read: {error}"
    for kind, id_, reason in database.quarantined():
        yield f"in quarantine: {kind} {id_} ({reason})"
    for path in sorted((data_root / QUARANTINE).glob("*")):
        yield f"set aside: {path}"
    containers = {id_ for kind, id_ in keys if kind == CONTAINER}
    for entry in sorted((data_root / "containers").glob("*")):
        if entry.name not in containers:
            yield f"nobody's directory: {entry}"


def run(data_root: Path, *, repair: bool) -> int:
    """Prints what was found; 0 when nothing is wrong (any more), 1 when something is, 2 when it cannot look."""
    try:
        found = examine(data_root, repair=repair)
    except (EngineError, OSError, sqlite3.Error) as error:
        print(f"trimaran: {error}")
        return 2
    for line in found.wrong:
        print(f"{'repaired' if repair else 'damaged'}: {line}")
    for line in found.told:
        print(line)
    print("nothing is damaged" if not found.wrong else f"{len(found.wrong)} found damaged")
    return 1 if found.wrong and not repair else 0
