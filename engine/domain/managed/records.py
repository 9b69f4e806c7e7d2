"""A managed plugin as it is stored, and its configuration as its author wrote it."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.names.references import familiar, parse_normalized
from engine.errors import InvalidParameter

SCHEMA = 1
CONFIG_TYPE = "application/vnd.docker.plugin.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


class Settings(msgspec.Struct, frozen=True, rename="pascal"):
    """What may be set: environment as NAME=VALUE, mounts and devices as in the configuration."""

    args: tuple[str, ...] = ()
    devices: tuple[dict[str, Any], ...] = ()
    env: tuple[str, ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()


class Package(msgspec.Struct, frozen=True):
    """A configuration and a layer in the content store; digests are `sha256:...`, sizes in bytes."""

    config_digest: str
    config_size: int
    layer_digest: str
    layer_size: int
    diff_id: str


class PluginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is familiar, with a tag: `localhost:5000/keeper:latest`."""

    id: str
    name: str
    created_ns: int
    config: dict[str, Any]
    settings: Settings
    package: Package
    enabled: bool = False

    @property
    def types(self) -> list[str]:
        """Such as docker.volumedriver/1.0."""
        return list((self.config.get("Interface") or {}).get("Types") or ())


def familiar_name(text: str) -> str:
    """InvalidParameter for what is no name of a plugin; without a tag it is `latest`."""
    found = parse_normalized(text)
    if found.digest is not None:
        raise InvalidParameter("invalid reference format: a plugin's name has no digest")
    return familiar(found.with_default_tag())
