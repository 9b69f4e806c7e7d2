"""The tree as data: who there is, who needs whom. Nothing is started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.schema import Settings
from engine.adapters.host.identity import DataRoot
from engine.daemon import Engine
from supervisors import ChildSpec


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    made = engine_of(tmp_path, containerd="embedded")
    yield made
    close(made)


def engine_of(path: Path, **settings: object) -> Engine:
    data = DataRoot(path / "data")
    data.claim()
    return Engine(Settings(exec_root=str(path / "exec"), **settings), data)  # type: ignore[arg-type]


def close(engine: Engine) -> None:
    engine.close()
    engine.data.release()


def children(engine: Engine) -> dict[str, ChildSpec]:
    return {each.name: each for each in engine._children()}


async def test_services_are_those_of_the_map(engine: Engine) -> None:
    names = set(children(engine))
    assert {
        "status",
        "store",
        "events",
        "runtime",
        "network",
        "volumes",
        "images",
        "containers",
        "watcher",
        "api",
    } <= names
    assert set(engine.root.names()) == names


async def test_everybody_waits_for_what_it_needs(engine: Engine) -> None:
    specs = children(engine)
    needs = {name: set(spec.depends_on) for name, spec in specs.items()}
    assert needs["status"] == needs["store"] == set()
    assert {"store", "events", "runtime", "network", "volumes", "images"} <= needs["containers"]
    assert needs["api"] == {"events"}
    assert all(each in specs for needed in needs.values() for each in needed)


async def test_mail_outlives_who_reads_it(engine: Engine) -> None:
    boxes = {name: spec.mailboxes for name, spec in children(engine).items() if spec.mailboxes}
    assert {"store", "network", "volumes", "images"} <= set(boxes)
    assert boxes["store"] == (engine.commits,)


async def test_own_containerd_is_there_before_its_channels(engine: Engine) -> None:
    specs = {each.name: each for each in engine._runtime_services()}
    channels = {name for name in specs if name.startswith("channel-")}
    assert channels == {"channel-control", "channel-bulk", "channel-events"}
    assert all(specs[each].depends_on == ("containerd",) for each in channels)


async def test_given_containerd_is_not_ours_to_run(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, containerd="/run/other.sock")
    specs = engine._runtime_services()
    assert "containerd" not in {each.name for each in specs}
    assert all(each.depends_on == () for each in specs)
    assert engine.address == "/run/other.sock"
    close(engine)


async def test_containers_room_has_its_services_and_restarts_bugs_only(engine: Engine) -> None:
    names = {each.name for each in engine._container_services()}
    assert {"service", "execs", "restarts"} <= names
    assert set(engine.containers_supervisor.names()) == names


async def test_each_restart_gets_a_fresh_service_over_the_same_memory(engine: Engine) -> None:
    spec = children(engine)["store"]
    assert spec.factory() is not spec.factory()
    assert children(engine)["containers"].factory() is engine.containers_supervisor


async def test_places_are_made_and_the_choices_settled(tmp_path: Path, engine: Engine) -> None:
    for path in ("exec/mnt", "exec/fifo", "data/containers", "data/volumes", "data/tmp"):
        assert (tmp_path / path).is_dir()
    assert (tmp_path / "data" / "engine.json").exists()
    assert engine.system.identity.engine_id == engine.engine_id
    status = engine.root.status()
    assert {child.state for child in status.children} == {"stopped"}
