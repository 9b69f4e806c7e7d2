from __future__ import annotations

import json
from typing import Any

import pytest

from engine.domain.managed.config import (
    Privilege,
    carried,
    changed,
    check_privileges,
    default_settings,
    diff_id_of,
    packed,
    privileges,
    read_config,
)
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
        {"env": [{"name": "A", "value": 1}]},
        {"entrypoint": "/plugin"},
        {"network": {"type": 5}},
        {"user": {"uid": "root"}},
        {"args": {"value": [1]}},
        {"linux": {"capabilities": [[]]}},
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


def test_privileges_agreed_to_may_come_in_any_order() -> None:
    granted = [Privilege(each["Name"], each["Value"]) for each in privileges(config())]
    check_privileges(config(), granted[::-1])
    for other in (granted[1:], [*granted, granted[0]], [Privilege("network"), *granted[1:]]):
        with pytest.raises(InvalidParameter, match="incorrect privileges"):
            check_privileges(config(), other)


def test_upgrade_keeps_what_may_be_set_and_takes_the_rest_from_the_new_version() -> None:
    settings = changed(
        config(), default_settings(config()), ["A=2", "m=/mine", "fuse=/dev/null", "args=mine"]
    )
    newer = config(
        env=[
            {"name": "A", "value": "9", "settable": ["value"]},
            {"name": "B", "value": "b"},
            {"name": "C", "settable": ["value"]},
        ],
        mounts=[{"name": "m", "source": "/new", "destination": "/n", "settable": ["source"]}],
        linux={"devices": [{"name": "fuse", "path": "/dev/fuse2"}]},
    )
    now = carried(newer, settings)
    assert (now.env, now.args) == (("A=2", "B=b"), ("mine",))
    assert (now.mounts[0]["Source"], now.mounts[0]["Destination"]) == ("/mine", "/n")
    assert now.devices[0]["Path"] == "/dev/fuse2"
    assert carried(config(), settings) == settings


def test_packed_configuration_says_which_layer_it_has() -> None:
    digest = "sha256:" + 64 * "a"
    found = read_config(packed(json.dumps(GIVEN).encode(), digest))
    assert diff_id_of(found) == digest
    assert found["DockerVersion"]
    assert {**found, "rootfs": None, "DockerVersion": ""} == {**config(), "rootfs": None}
    for root in (
        None,
        {},
        {"diff_ids": []},
        {"diff_ids": [digest, digest]},
        {"diff_ids": ["../x"]},
    ):
        with pytest.raises(InvalidParameter):
            diff_id_of({**found, "rootfs": root})
