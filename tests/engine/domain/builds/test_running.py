from __future__ import annotations

import pytest

from engine.domain.builds.output import BuildFailed
from engine.errors import InvalidParameter
from tests.engine.domain.builds.rooms import House


async def test_output_is_told_and_errors_are_red() -> None:
    house = House()
    house.containers.printed = [
        ("stdout", b"out\n"),
        ("stderr", "é\n".encode()[:1]),
        ("stderr", "é\n".encode()[1:]),
    ]
    await house.build("FROM busybox\nRUN x\n")
    assert "out\n" in house.text
    assert "\x1b[91mé\n\x1b[0m" in house.text
    assert house.containers.created[0].host_config.log_config.type == "none"


async def test_a_command_that_fails_gives_its_code() -> None:
    house = House()
    house.containers.code = 42
    with pytest.raises(
        BuildFailed, match=r"The command '/bin/sh -c x' returned a non-zero code: 42"
    ) as failed:
        await house.build("FROM busybox\nRUN x\n")
    assert failed.value.code == 42
    assert house.bench.steps == []


async def test_a_failure_names_the_container_that_is_removed_by_force() -> None:
    house = House()
    house.containers.code = 1
    with pytest.raises(BuildFailed):
        await house.build("FROM busybox\nRUN x\n", force_remove=True)
    assert "Removing intermediate container 000000000000\n" in house.text


async def test_nothing_runs_without_files() -> None:
    with pytest.raises(InvalidParameter, match="without any files"):
        await House().build("FROM scratch\nRUN x\n")


async def test_the_container_is_a_leaving_once_it_is_of_no_use() -> None:
    house = House()
    await house.build("FROM busybox\nRUN x\n")
    assert house.leavings.containers == {"id": {"build-id-1"}}
