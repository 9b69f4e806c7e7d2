"""An image made from a container: its image's config with one layer and one line of history more."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.images.config import ImageConfig
from engine.domain.images.times import rfc3339
from engine.models.containers import ContainerConfig

__all__ = ["EMPTY_LAYER", "Commit", "committed_config"]

EMPTY_LAYER = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
"""The diff ID of a tar without entries, which dockerd leaves out of the layers."""


class Commit(msgspec.Struct, frozen=True):
    """`config` is the new image's, `container_config` and `container` what the container had and was."""

    config: ContainerConfig
    container_config: ContainerConfig
    container: str
    created_by: str
    author: str = ""
    comment: str = ""
    engine_version: str = ""


def committed_config(parent: ImageConfig, commit: Commit, diff_id: str, now_ns: int) -> bytes:
    """The image config, in JSON."""
    created = rfc3339(now_ns)
    empty = diff_id == EMPTY_LAYER
    line: dict[str, Any] = {
        "created": created,
        "created_by": commit.created_by,
        "author": commit.author,
        "comment": commit.comment,
        "empty_layer": empty,
    }
    document: dict[str, Any] = {
        "architecture": parent.architecture,
        "author": commit.author,
        "comment": commit.comment,
        "config": commit.config,
        "container": commit.container,
        "container_config": commit.container_config,
        "created": created,
        "docker_version": commit.engine_version,
        "history": [*parent.history, {name: value for name, value in line.items() if value}],
        "os": parent.os,
        "os.version": parent.os_version,
        "rootfs": {
            "type": "layers",
            "diff_ids": [*parent.rootfs.diff_ids, *([] if empty else [diff_id])],
        },
        "variant": parent.variant,
    }
    return msgspec.json.encode({name: value for name, value in document.items() if value})
