from __future__ import annotations

import pytest

from engine.domain.containers.merge import command, merge_image
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HealthcheckConfig

IMAGE = ContainerConfig(
    entrypoint=["/e"],
    cmd=["c"],
    env=["A=1", "B=2"],
    labels={"x": "image", "y": "image"},
    volumes={"/v": {}},
    exposed_ports={"80/tcp": {}},
    user="u",
    working_dir="/w",
    stop_signal="INT",
    healthcheck=HealthcheckConfig(test=["CMD", "t"], interval=5, retries=2),
)


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "argv"),
    [
        (None, None, ("/e", "c")),
        (None, ["d"], ("/e", "d")),
        (["/f"], None, ("/f",)),
        (["/f"], ["d"], ("/f", "d")),
        ([], None, ("c",)),
        ([], ["d"], ("d",)),
        ([""], ["d"], ("d",)),
    ],
)
def test_command_of_entrypoint_and_cmd(
    entrypoint: list[str] | None, cmd: list[str] | None, argv: tuple[str, ...]
) -> None:
    merged = merge_image(ContainerConfig(entrypoint=entrypoint, cmd=cmd), IMAGE)
    assert command(merged) == argv


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no command specified"):
        command(merge_image(ContainerConfig(entrypoint=[""]), ContainerConfig(cmd=["c"])))


def test_open_members_come_from_the_image() -> None:
    merged = merge_image(ContainerConfig(), IMAGE)
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("u", "/w", "INT")
    assert merged.env == ["A=1", "B=2"]
    assert merged.healthcheck == IMAGE.healthcheck


def test_own_members_win_and_maps_are_united() -> None:
    own = ContainerConfig(
        env=["B=9", "C=3"],
        labels={"x": "own"},
        volumes={"/mine": {}},
        exposed_ports={"81/udp": {}},
        healthcheck=HealthcheckConfig(interval=7),
    )
    merged = merge_image(own, IMAGE)
    assert merged.env == ["B=9", "C=3", "A=1"]
    assert merged.labels == {"x": "own", "y": "image"}
    assert set(merged.volumes or {}) == {"/v", "/mine"}
    assert set(merged.exposed_ports) == {"80/tcp", "81/udp"}
    assert merged.healthcheck == HealthcheckConfig(test=["CMD", "t"], interval=7, retries=2)


def test_volumes_stay_null_and_labels_become_an_object() -> None:
    merged = merge_image(ContainerConfig(), ContainerConfig())
    assert merged.volumes is None
    assert merged.labels == {}
