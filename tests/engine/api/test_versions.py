from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.api.versions import check, down, split_prefix
from engine.errors import InvalidParameter


def test_the_version_is_taken_off_the_path() -> None:
    assert split_prefix("/v1.41/containers/json") == ("1.41", "/containers/json")
    assert split_prefix("/version") == (None, "/version")
    assert split_prefix("/volumes/v1.41/x") == (None, "/volumes/v1.41/x")
    assert split_prefix("/v1.41") == (None, "/v1.41")


def test_versions_between_the_limits_are_accepted() -> None:
    assert check("1.24") == (1, 24)
    assert check("1.51") == (1, 51)


def test_too_old_and_too_new_have_dockerds_texts() -> None:
    with pytest.raises(InvalidParameter) as old:
        check("1.23")
    assert str(old.value) == (
        "client version 1.23 is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version"
    )
    with pytest.raises(InvalidParameter) as new:
        check("1.52")
    assert str(new.value) == "client version 1.52 is too new. Maximum supported API version is 1.51"
    with pytest.raises(InvalidParameter):
        check("1")
    with pytest.raises(InvalidParameter):
        check("1.51.1")


class Image(msgspec.Struct):
    Size: int
    Descriptor: dict[str, Any] | None = None


def test_the_newest_version_gets_the_very_object() -> None:
    image = Image(3)
    assert down("image", image, (1, 51)) is image


def test_older_versions_get_what_was_there_then() -> None:
    assert down("image", Image(3, {}), (1, 43)) == {
        "Size": 3,
        "VirtualSize": 3,
        "Container": "",
        "ContainerConfig": None,
    }


def test_lists_are_stepped_down_member_by_member() -> None:
    assert down("image-summary", [Image(1), Image(2)], (1, 40)) == [
        {"Size": 1, "VirtualSize": 1},
        {"Size": 2, "VirtualSize": 2},
    ]


def test_the_short_id_is_an_alias_below_1_45_on_named_networks() -> None:
    container = {
        "Id": "0123456789abcdef",
        "HostConfig": {"NetworkMode": "web"},
        "NetworkSettings": {"Networks": {"web": {"Aliases": ["a"], "DNSNames": ["a"]}}},
    }
    assert down("container", container, (1, 44))["NetworkSettings"]["Networks"]["web"] == {
        "Aliases": ["a", "0123456789ab"],
        "DNSNames": ["a"],
    }
    assert container["NetworkSettings"]["Networks"]["web"]["Aliases"] == ["a"]  # type: ignore[index]


def test_security_options_are_plain_below_1_25() -> None:
    info = {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}
    assert down("info", info, (1, 24))["SecurityOptions"] == ["seccomp", "rootless"]
