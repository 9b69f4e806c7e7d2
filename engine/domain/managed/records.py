"""A managed plugin as it is stored, and its configuration as its author wrote it."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.names.references import Reference, familiar, parse_normalized
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
    """A configuration and a layer in the content store; digests are `sha256:...`, sizes in bytes.

    `diff_id` is as the configuration has it: dockerd's is the layer's digest. `manifest` is what a registry has of it, "" where none gave it: then it is made.
    """

    config_digest: str
    config_size: int
    layer_digest: str
    layer_size: int
    diff_id: str
    layer_type: str = LAYER_TYPE
    manifest: str = ""

    @property
    def blobs(self) -> tuple[str, str]:
        return self.config_digest, self.layer_digest

    @property
    def layer_key(self) -> str:
        """The snapshot that plugins with this layer stand on."""
        return f"plugin-layer-{self.diff_id}"

    def manifest_data(self) -> bytes:
        """Byte for byte as it came, so that its digest stays the same."""
        return (self.manifest or _made(self)).encode()


class PluginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is familiar, with a tag: `localhost:5000/keeper:latest`.

    `reference` is where it came from, "" for its own name; `generation` counts its upgrades.
    """

    id: str
    name: str
    created_ns: int
    config: dict[str, Any]
    settings: Settings
    package: Package
    enabled: bool = False
    reference: str = ""
    generation: int = 0

    @property
    def root_key(self) -> str:
        """The snapshot that is its root; each upgrade begins another."""
        return f"plugin-{self.id}" + (f"-{self.generation}" if self.generation else "")

    @property
    def types(self) -> list[str]:
        """Such as docker.volumedriver/1.0."""
        return list((self.config.get("Interface") or {}).get("Types") or ())


def familiar_name(text: str) -> str:
    """InvalidParameter for what is no name of a plugin; without a tag it is `latest`."""
    found = parse_normalized(text)
    if found.digest is not None:
        raise InvalidParameter("cannot use digest in plugin tag")
    return familiar(found.with_default_tag())


def wanted(remote: str, name: str) -> tuple[Reference, str]:
    """What an installation asks the registry for, and the familiar name that the plugin gets."""
    reference = parse_normalized(remote)
    if name:
        return reference.with_default_tag(), familiar_name(name)
    plain = msgspec.structs.replace(reference, digest=None).with_default_tag()
    return reference.with_default_tag(), familiar(plain)


def _made(package: Package) -> str:
    """As dockerd writes it."""
    config = {
        "mediaType": CONFIG_TYPE,
        "digest": package.config_digest,
        "size": package.config_size,
    }
    layer = {
        "mediaType": package.layer_type,
        "digest": package.layer_digest,
        "size": package.layer_size,
    }
    made = {"schemaVersion": 2, "config": config, "layers": [layer], "mediaType": MANIFEST_TYPE}
    return msgspec.json.encode(made).decode()
