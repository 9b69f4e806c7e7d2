from __future__ import annotations

import pytest

from engine.domain.containers.oci.capabilities import (
    ALL_CAPABILITIES,
    DEFAULT_CAPABILITIES,
    granted,
    missing,
    names_of_bits,
    normalize,
    wanted,
)
from engine.errors import InvalidParameter
from engine.models.containers import HostConfig

EVERYTHING = frozenset(ALL_CAPABILITIES)


def test_default_set_is_the_mask_that_dockerd_gives() -> None:
    assert names_of_bits(0xA80425FB) == frozenset(DEFAULT_CAPABILITIES)


def test_all_is_forty_one() -> None:
    assert names_of_bits((1 << 41) - 1) == EVERYTHING


def test_names_are_taken_in_any_case_with_and_without_prefix() -> None:
    assert normalize(["chown", "CAP_SYS_TIME", "all"]) == ["CAP_CHOWN", "CAP_SYS_TIME", "ALL"]


def test_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidParameter, match='unknown capability: "CAP_FLY"'):
        normalize(["fly"])


@pytest.mark.parametrize(
    ("add", "drop", "result"),
    [
        ([], [], list(DEFAULT_CAPABILITIES)),
        (["SYS_TIME"], ["ALL"], ["CAP_SYS_TIME"]),
        ([], ["ALL"], []),
        (["ALL"], ["SYS_ADMIN"], [c for c in ALL_CAPABILITIES if c != "CAP_SYS_ADMIN"]),
        (["ALL"], ["ALL"], list(ALL_CAPABILITIES)),
        (["CHOWN"], [], list(DEFAULT_CAPABILITIES)),
        (
            ["SYS_TIME"],
            ["KILL"],
            [*[c for c in DEFAULT_CAPABILITIES if c != "CAP_KILL"], "CAP_SYS_TIME"],
        ),
    ],
)
def test_adds_and_drops(add: list[str], drop: list[str], result: list[str]) -> None:
    assert wanted(HostConfig(cap_add=add, cap_drop=drop)) == result


def test_what_the_daemon_lacks_is_left_out_and_named_only_if_asked_for() -> None:
    held = EVERYTHING - {"CAP_SYS_RESOURCE", "CAP_KILL"}
    privileged = HostConfig(privileged=True)
    assert set(granted(privileged, held)) == held
    assert missing(privileged, held) == []
    assert missing(HostConfig(cap_add=["sys_resource"]), held) == ["CAP_SYS_RESOURCE"]
