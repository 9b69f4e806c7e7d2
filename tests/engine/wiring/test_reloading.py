"""A reload is all or nothing, whatever fails, and wherever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio
import trio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st

from config.flags import parse
from config.load import Loaded, load
from config.reload import RELOADABLE
from config.schema import KEYS, Settings
from engine.errors import Unavailable
from engine.wiring.reloading import Part, Reloader, Take, attributes
from tests.config.test_reload import CONFIGS, WRONG

FAULTS = ("", "part", "commit", "fixed", "wrong")


class World:
    """Two parts that keep what they took, a file, and an event log."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.fault = ""
        self.events: list[dict[str, str]] = []
        self.taken: dict[str, Settings] = {}
        first = self.read().settings
        parts = [self.part("one"), self.part("two")]
        self.reloader = Reloader(first, parts, self.read, self.announce)
        self.taken = {"one": first, "two": first}

    def read(self) -> Loaded:
        return load(parse([]), lambda path: json.dumps(self.data).encode())

    def part(self, name: str) -> Part:
        def derive(new: Settings) -> Take:
            if self.fault == "part" and name == "two":
                raise OSError("the disk is full")
            return lambda: self.taken.update({name: new})

        return Part(name, RELOADABLE, derive)

    async def announce(self, attributes: dict[str, str]) -> None:
        if self.fault == "commit":
            raise Unavailable("the state database does not answer")
        self.events.append(attributes)

    def state(self) -> bytes:
        return msgspec.json.encode([self.reloader.settings, self.taken, self.events])


@settings(max_examples=1000, deadline=None)
@given(CONFIGS, CONFIGS, WRONG, st.sampled_from(FAULTS))
def test_refused_reload_leaves_everything_as_it_was_and_an_accepted_one_changes_all_parts(
    before: dict[str, Any], after: dict[str, Any], wrong: dict[str, Any], fault: str
) -> None:
    world = World(before)
    was, fixed = world.state(), world.reloader.settings.containerd_namespace
    world.fault = fault
    world.data = {**after, **(wrong if fault == "wrong" else {})}
    if fault == "fixed":
        world.data["containerd-namespace"] = f"{fixed}-other"
    elif "containerd-namespace" in before:
        world.data["containerd-namespace"] = fixed
    else:
        world.data.pop("containerd-namespace", None)
    trial = trio.run(lambda: world.reloader.reload(dry_run=True))
    assert world.state() == was
    report = trio.run(world.reloader.reload)
    assert report.accepted == (fault == "")
    if not report.accepted:
        assert report.message
        assert world.state() == was
        return
    assert trial.accepted
    now = world.reloader.settings
    assert world.taken == {"one": now, "two": now}
    verdicts = {change.key: change.verdict for change in report.changes}
    old, wanted = msgspec.json.decode(was, type=tuple[Settings, Any, Any])[0], world.read().settings
    for key, attribute in KEYS.items():
        source = wanted if verdicts.get(key) == "applied" else old
        assert getattr(now, attribute) == getattr(source, attribute)
    assert len(world.events) == 1
    assert set(world.events[0]["changed"].split(",")) - {""} == {
        key for key, verdict in verdicts.items() if verdict == "applied"
    }


async def test_reload_runs_to_its_end_though_its_asker_leaves() -> None:
    world = World({})
    world.data = {"debug": True}
    committed = trio.Event()

    async def announce(attributes: dict[str, str]) -> None:
        committed.set()
        await trio.lowlevel.checkpoint()
        world.events.append(attributes)

    world.reloader._announce = announce
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.reloader.reload)
        await committed.wait()
        nursery.cancel_scope.cancel()
    assert world.reloader.settings.debug
    assert len(world.events) == 1


async def test_passwords_of_proxies_are_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    world = World({})
    world.data = {"proxies": {"http-proxy": "http://user:geheim@proxy:3128"}}
    report = await world.reloader.reload()
    assert report.accepted
    seen = f"{report} {world.events} {caplog.text}"
    assert "geheim" not in seen
    assert "xxxxx:xxxxx@proxy" in seen


def test_attributes_have_dockerds_forms() -> None:
    made: Callable[..., Settings] = Settings
    found = attributes(
        made(labels=("a=b",), features={"x": True}, live_restore=True, shutdown_timeout=9), []
    )
    assert (found["labels"], found["features"], found["live-restore"], found["shutdown-timeout"]) == (
        '["a=b"]', "map[x:true]", "true", "9"
    )  # fmt: skip
    assert found.keys() >= {"name", "runtimes", "default-runtime", "registry-mirrors", "debug"}
