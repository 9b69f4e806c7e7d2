from __future__ import annotations

import msgspec

from engine.domain.images.committing import EMPTY_LAYER, Commit, committed_config
from engine.domain.images.config import History, ImageConfig, RootFS, parse_config
from engine.models.containers import ContainerConfig

PARENT = ImageConfig(
    architecture="arm64",
    os="linux",
    variant="v8",
    rootfs=RootFS(diff_ids=["sha256:1"]),
    history=[History(created_by="base")],
)
COMMIT = Commit(
    config=ContainerConfig(env=["A=b"]),
    container_config=ContainerConfig(hostname="h"),
    container="id",
    created_by="sh -c x",
    author="who",
    comment="why",
)


def test_a_commit_adds_its_layer_and_a_line_of_history() -> None:
    made = parse_config(committed_config(PARENT, COMMIT, "sha256:2", 1_000_000_000))
    assert (made.architecture, made.variant, made.author) == ("arm64", "v8", "who")
    assert made.config.env == ["A=b"]
    assert made.rootfs.diff_ids == ["sha256:1", "sha256:2"]
    assert made.history[0] == PARENT.history[0]
    assert made.history[1] == History(
        created="1970-01-01T00:00:01Z", created_by="sh -c x", author="who", comment="why"
    )


def test_a_commit_without_changes_has_no_layer_of_its_own() -> None:
    made = parse_config(committed_config(PARENT, COMMIT, EMPTY_LAYER, 0))
    assert made.rootfs.diff_ids == ["sha256:1"]
    assert made.history[-1].empty_layer


def test_what_is_unknown_is_left_out() -> None:
    made = msgspec.json.decode(committed_config(PARENT, COMMIT, "sha256:2", 0))
    assert "os.version" not in made
    assert "docker_version" not in made
