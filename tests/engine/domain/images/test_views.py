from __future__ import annotations

import json

from msgspec.structs import replace

from engine.domain.images.catalogue import Catalogue
from engine.domain.images.config import parse_config
from engine.domain.images.views import history, inspect, shared_sizes, summary, total_size
from tests.engine.domain.images.builders import catalogue, make

CONFIG = parse_config(
    json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-01-02T03:04:05Z",
            "comment": "c",
            "config": {"Cmd": ["sh"], "Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
            "history": [
                {"created": "2024-01-02T03:04:05Z", "created_by": "one"},
                {"created_by": "env", "empty_layer": True},
                {"created_by": "two", "comment": "last"},
            ],
        }
    ).encode()
)
BARE = replace(make(1, chain=("1", "2"), sizes=(10, 20)), config=CONFIG)
OTHER = make(2, chain=("1", "3"), sizes=(10, 5))
HERE = catalogue((BARE, ["a:1", f"a@sha256:{'d' * 64}"]), (OTHER, []))
IMAGE = HERE.images[BARE.id]


def test_history_is_newest_first_with_sizes_for_layers_alone() -> None:
    assert [
        (each.id, each.created_by, each.size, each.tags) for each in history(IMAGE, Catalogue())
    ] == [
        (IMAGE.id, "two", 20, ["a:1"]),
        ("<missing>", "env", 0, None),
        ("<missing>", "one", 10, None),
    ]


def test_summary_has_size_names_and_labels() -> None:
    found = summary(IMAGE, {})
    assert (found.size, found.repo_tags, found.labels) == (30, ["a:1"], {"a": "b"})
    assert found.repo_digests == [f"a@sha256:{'d' * 64}"]
    assert (found.created, found.shared_size, found.containers) == (1704164645, -1, -1)


def test_nameless_image_has_empty_lists() -> None:
    found = summary(HERE.images[OTHER.id], {})
    assert (found.repo_tags, found.repo_digests, found.created) == ([], [], 0)


def test_inspect_shows_config_layers_and_the_time_of_its_name() -> None:
    found = inspect(IMAGE, "overlayfs")
    assert found.config is not None
    assert (found.config.cmd, found.comment, found.os) == (["sh"], "c", "linux")
    assert found.root_fs.layers == ["sha256:1", "sha256:2"]
    assert found.metadata.last_tag_time == "1970-01-01T00:00:05Z"
    assert inspect(OTHER, "overlayfs").metadata.last_tag_time == "0001-01-01T00:00:00Z"


def test_shared_layers_are_counted_once_in_the_total() -> None:
    assert shared_sizes(HERE) == {IMAGE.id: 10, OTHER.id: 10}
    assert total_size(HERE.images.values()) == 35
