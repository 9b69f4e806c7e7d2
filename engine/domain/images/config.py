"""The image config, as OCI and Docker write it: parsing, and the layer chain that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import field

from engine.errors import InvalidParameter
from engine.models import gojson
from engine.models.containers import ContainerConfig

__all__ = ["History", "ImageConfig", "RootFS", "chain_ids", "digest_of", "parse_config"]


class RootFS(msgspec.Struct, frozen=True):
    type: str = "layers"
    diff_ids: list[str] = field(default_factory=list)


class History(msgspec.Struct, frozen=True):
    created: str | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`created` is RFC 3339; `config` is what a container inherits."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = field(default="", name="os.version")
    created: str | None = None
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    container: str = ""
    container_config: ContainerConfig | None = None
    config: ContainerConfig = field(default_factory=ContainerConfig)
    rootfs: RootFS = field(default_factory=RootFS)
    history: list[History] = field(default_factory=list)


def parse_config(data: bytes) -> ImageConfig:
    """Raises InvalidParameter, also for a config without a rootfs (texts as moby's image store)."""
    try:
        raw: Any = msgspec.json.decode(data)
        if not isinstance(raw, dict) or not isinstance(raw.get("rootfs"), dict):
            raise InvalidParameter("invalid image JSON, no RootFS key")
        return gojson.read(data, ImageConfig)
    except msgspec.MsgspecError as error:
        raise InvalidParameter(f"invalid image config: {error}") from error


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The name of each layer with all below it, from the bottom up (OCI image-spec, ChainID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
