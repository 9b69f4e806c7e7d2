from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from engine.adapters.pluginhttp.volumes import PluginVolumes, inside
from engine.domain.plugins.facade import Plugins
from engine.domain.plugins.ports import Endpoint
from engine.errors import NotFound, SystemFailure
from tests.engine.domain.plugins.fakes import FakePlugins


def make(**answers: object) -> tuple[FakePlugins, PluginVolumes]:
    host = FakePlugins()
    calls = {f"VolumeDriver__{name}": answer for name, answer in answers.items()}
    host.add("far", "VolumeDriver", **calls)
    return host, PluginVolumes(Plugins(host, host))


async def test_volume_that_is_there_is_not_made_again(autojump_clock: MockClock) -> None:
    host, drivers = make(Get={"Volume": {"Name": "vol"}}, Create={})
    await drivers.create("far", "vol", {})
    host.answers["far"]["/VolumeDriver.Get"] = {"Err": "no such volume"}
    await drivers.create("far", "vol", {})
    assert host.calls.count("far /VolumeDriver.Create") == 1


async def test_mountpoint_may_come_from_path(autojump_clock: MockClock) -> None:
    _, drivers = make(Mount={"Mountpoint": ""}, Path={"Mountpoint": "/mnt/vol"}, Unmount={})
    assert await drivers.mount("far", "vol", "me") == "/mnt/vol"
    await drivers.unmount("far", "vol", "me")


@pytest.mark.parametrize("point", ["", "relative", 3, None, "/a\0b"])
async def test_mountpoint_that_is_none_is_refused(autojump_clock: MockClock, point: object) -> None:
    _, drivers = make(Mount={"Mountpoint": point}, Path={"Mountpoint": point})
    with pytest.raises(SystemFailure, match='plugin "far"'):
        await drivers.mount("far", "vol", "me")


@pytest.mark.parametrize(
    ("capabilities", "scope"),
    [({"Capabilities": {"Scope": "Global"}}, "global"), ({"Err": "unknown call"}, "local")],
)
async def test_look_tells_place_status_and_scope(
    autojump_clock: MockClock, capabilities: object, scope: str
) -> None:
    volume = {"Name": "vol", "Mountpoint": "/x", "Status": {"a": 1}}
    _, drivers = make(Get={"Volume": volume}, Capabilities=capabilities)
    found = await drivers.look("far", "vol")
    assert (found.mountpoint, found.status, found.scope) == ("/x", {"a": 1}, scope)


async def test_plugin_of_another_kind_is_no_driver(autojump_clock: MockClock) -> None:
    host, drivers = make()
    host.add("log", "LogDriver")
    with pytest.raises(NotFound):
        await drivers.need("log")
    assert drivers.active() == []


def test_symlinks_in_a_plugins_root_lead_nowhere_else(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    for each in (root / "volumes/one", root / "etc", state / "two", tmp_path / "secret"):
        each.mkdir(parents=True)
    (root / "absolute").symlink_to("/volumes")
    (root / "out").symlink_to("/secret")
    (root / "up").symlink_to("../secret")
    (state / "out").symlink_to(tmp_path / "secret")
    endpoint = Endpoint(
        name="p", address="", root=str(root), propagated=("/state", str(state)), implements=("x",)
    )
    assert inside(endpoint, "/volumes/one") == f"{root}/volumes/one"
    assert inside(endpoint, "/absolute/one") == f"{root}/volumes/one"
    assert inside(endpoint, "/state/two") == f"{state}/two"
    assert inside(endpoint, "/volumes/not/yet") == f"{root}/volumes/not/yet"
    for path in ("/out", "/up", "/state/out", "/out/x"):
        with pytest.raises(SystemFailure, match="leads out of its root"):
            inside(endpoint, path)
