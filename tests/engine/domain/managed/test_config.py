from __future__ import annotations

import json
from typing import Any

import pytest

from engine.domain.managed.config import changed, default_settings, privileges, read_config
from engine.errors import InvalidParameter, SystemFailure

GIVEN: dict[str, Any] = {
    "entrypoint": ["/plugin"],
    "interface": {"types": ["docker.volumedriver/1.0"], "socket": "x.sock"},
    "network": {"type": "host"},
    "linux": {
        "capabilities": ["CAP_SYS_ADMIN"],
        "devices": [{"name": "fuse", "path": "/dev/fuse", "settable": ["path"]}],
    },
    "env": [{"name": "A", "value": "1", "settable": ["value"]}, {"name": "B"}],
    "mounts": [{"name": "m", "source": "/src", "destination": "/d", "settable": ["source"]}],
    "args": {"name": "args", "value": ["x"], "settable": ["value"]},
}


def config(**changes: Any) -> dict[str, Any]:
    return read_config(json.dumps({**GIVEN, **changes}).encode())


def test_names_of_any_case_become_mobys() -> None:
    found = config(PropagatedMount="/mnt")
    assert found["Interface"] == {"Types": ["docker.volumedriver/1.0"], "Socket": "x.sock"}
    assert (found["PropagatedMount"], found["WorkDir"]) == ("/mnt", "")
    assert found["Env"][1]["Value"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"entrypoint": []},
        {"interface": {}},
        {"interface": {"types": ["a"], "socket": "../x"}},
        {"env": ["A=1"]},
    ],
)
def test_what_cannot_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        config(**changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameter):
        read_config(data)


def test_settings_begin_with_the_defaults_and_change_one_by_one() -> None:
    found = config()
    settings = default_settings(found)
    assert (settings.env, settings.args) == (("A=1",), ("x",))
    now = changed(found, settings, ["A=2", "m=/other", "fuse.path=/dev/null", "args=a b"])
    assert (now.env, now.args) == (("A=2",), ("a", "b"))
    assert now.mounts[0]["Source"] == "/other"
    assert now.devices[0]["Path"] == "/dev/null"
    assert settings.env == ("A=1",)


@pytest.mark.parametrize("argument", ["B=1", "A.name=x", "m.destination=/x", "nothing=1"])
def test_what_may_not_be_set_is_refused(argument: str) -> None:
    with pytest.raises(SystemFailure):
        changed(config(), default_settings(config()), [argument])


def test_privileges_are_what_goes_beyond_a_container() -> None:
    assert {each["Name"]: each["Value"] for each in privileges(config())} == {
        "network": ["host"],
        "mount": ["/src"],
        "device": ["/dev/fuse"],
        "capabilities": ["CAP_SYS_ADMIN"],
    }
