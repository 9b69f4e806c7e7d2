from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from trio.testing import MockClock

from engine.domain.managed.facade import Privilege
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound, SystemFailure
from engine.models.registry import AuthConfig
from tests.engine.domain.managed.rooms import Room, archive, publish, running

NAME = "reg.test/me/mini"
NOBODY = AuthConfig()


async def told(work: AbstractAsyncContextManager[Any]) -> list[dict[str, Any]]:
    async with work as messages:
        return [each async for each in messages]


async def test_plugin_is_pulled_under_its_own_name_or_an_alias(autojump_clock: MockClock) -> None:
    room = Room()
    digest = publish(room.registry, "1")
    async with running(room) as managed:
        assert await managed.privileges(f"{NAME}:1", auth=NOBODY) == []
        name, work = managed.pull(f"{NAME}:1", "", [], auth=NOBODY)
        messages = await told(work)
        assert messages[0] == {"status": f"Pulling from {NAME}", "id": "1"}
        assert messages[1] == {"status": f"Digest: {digest}"}
        found = managed.inspect(f"{NAME}:1")
        assert (name, found["Name"]) == (f"{NAME}:1", f"{NAME}:1")
        assert (found["Enabled"], list(found["Settings"]["Env"])) == (False, ["A=1"])
        with pytest.raises(InvalidParameter, match="already exists"):
            managed.pull(f"{NAME}:1", "", [], auth=NOBODY)
        name, work = managed.pull(f"{NAME}:1@{digest}", "al", [], auth=NOBODY)
        await told(work)
        assert name == "al:latest"
        assert managed.inspect("al")["PluginReference"].startswith(NAME)
    assert room.store.told == ["pull", "pull"]
    assert not room.containerd.leases.leases


async def test_other_privileges_than_agreed_to_bring_nothing(autojump_clock: MockClock) -> None:
    room = Room()
    publish(room.registry, "1", linux={"capabilities": ["CAP_SYS_ADMIN"]})
    async with running(room) as managed:
        for granted in ([], [Privilege("capabilities", ["CAP_NET_ADMIN"])]):
            _, work = managed.pull(f"{NAME}:1", "", granted, auth=NOBODY)
            with pytest.raises(InvalidParameter, match="incorrect privileges"):
                await told(work)
        assert managed.list({}) == []
        assert room.containerd.content.blobs == {}
        granted = [Privilege("capabilities", ["CAP_SYS_ADMIN"])]
        await told(managed.pull(f"{NAME}:1", "", granted, auth=NOBODY)[1])
        assert len(managed.list({})) == 1


async def test_upgrade_waits_until_it_is_disabled_and_keeps_settings(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    publish(room.registry, "1")
    env = [{"name": "A", "value": "9", "settable": ["value"]}, {"name": "B", "value": "b"}]
    publish(room.registry, "2", b"other", env=env)
    async with running(room) as managed:
        await told(managed.pull(f"{NAME}:1", "al", [], auth=NOBODY)[1])
        await managed.set("al", ["A=mine"])
        await managed.enable("al")
        with pytest.raises(Conflict, match="must be disabled before upgrading"):
            managed.upgrade("al", f"{NAME}:2", [], auth=NOBODY)
        await managed.disable("al")
        before = managed.find("al")
        name, work = managed.upgrade("al", f"{NAME}:2", [], auth=NOBODY)
        await told(work)
        now = managed.find("al")
        assert (name, now.id, now.settings.env) == ("al:latest", before.id, ("A=mine", "B=b"))
        assert now.reference == f"{NAME}:2"
        assert room.machine.installed == {now.root_key} != {before.root_key}
        assert room.machine.gone == list(before.package.blobs)
        with pytest.raises(NotFound):
            managed.upgrade("none", f"{NAME}:2", [], auth=NOBODY)


async def test_failed_installation_leaves_nothing(autojump_clock: MockClock) -> None:
    room = Room()
    publish(room.registry, "1")
    async with running(room) as managed:
        room.machine.failures["install"] = InvalidParameter("invalid diffID")
        with pytest.raises(InvalidParameter, match="invalid diffID"):
            await told(managed.pull(f"{NAME}:1", "", [], auth=NOBODY)[1])
        assert (managed.list({}), room.machine.installed) == ([], set())
        assert len(room.machine.gone) == 2


async def test_push_sends_what_came_byte_for_byte(autojump_clock: MockClock) -> None:
    room = Room()
    digest = publish(room.registry, "1")
    async with running(room) as managed:
        await told(managed.pull(f"{NAME}:1", "reg.test/me/copy:2", [], auth=NOBODY)[1])
        messages = await told(managed.push("reg.test/me/copy:2", auth=NOBODY))
        assert messages[0] == {"status": "The push refers to repository [reg.test/me/copy]"}
        assert messages[-1]["aux"]["Digest"] == digest
        assert room.registry.manifests["me/copy", "2"] == room.registry.manifests["me/mini", "1"]
        with pytest.raises(NotFound, match='plugin "none" not found'):
            managed.push("none", auth=NOBODY)


async def test_what_no_registry_has_is_told_by_its_name(autojump_clock: MockClock) -> None:
    room = Room()
    room.registry.image("me/image", "1", b"{}", [b"layer"])
    async with running(room) as managed:
        for remote, kind, text in (
            (f"{NAME}:1", NotFound, "error resolving plugin reference: manifest for"),
            ("reg.test/me/image:1", InvalidParameter, "did not find plugin config for"),
            ("gone.test/x", SystemFailure, "error resolving plugin reference: "),
        ):
            _, work = managed.pull(remote, "", [], auth=NOBODY)
            with pytest.raises(kind, match=text):
                await told(work)
        with pytest.raises(EngineError, match="cannot use digest in plugin tag"):
            managed.pull(f"{NAME}:1", "x@sha256:" + 64 * "0", [], auth=NOBODY)
        await managed.create("mini", archive())
