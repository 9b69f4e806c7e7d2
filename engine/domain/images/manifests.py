"""Manifests and indexes: reading them, choosing a platform, making one for a docker archive."""

from __future__ import annotations

import platform as host
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from engine.domain.images.ports import Descriptor
from engine.errors import InvalidParameter, NotFound

__all__ = [
    "CONFIG",
    "LAYER",
    "MANIFEST",
    "Manifest",
    "Platform",
    "host_platform",
    "is_index",
    "kind_of",
    "layer_media_type",
    "make_manifest",
    "parse_digest",
    "parse_index",
    "parse_manifest",
    "pick_platform",
    "stated_platform",
]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEXES = {INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"}
_KINDS = {*_INDEXES, MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_BASELINES = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class Platform(msgspec.Struct, frozen=True):
    os: str = "linux"
    architecture: str = ""
    variant: str = ""


class Manifest(msgspec.Struct, frozen=True):
    config: Descriptor
    layers: tuple[Descriptor, ...]


def host_platform() -> Platform:
    machine = host.machine()
    return Platform("linux", _ARCHITECTURES.get(machine, machine))


def stated_platform(text: str) -> Platform | None:
    """An OCI platform as JSON, None for no text. Raises InvalidParameter, in dockerd's words."""
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=Platform)
    except msgspec.DecodeError as error:
        raise InvalidParameter(f"failed to parse platform: {error}") from error
    if not found.architecture:
        raise InvalidParameter("both OS and Architecture must be provided")
    return found


def is_index(descriptor: Descriptor) -> bool:
    return descriptor.media_type in _INDEXES


def parse_digest(text: object) -> str:
    """A sha256 digest, for what comes from outside names files and blobs."""
    if not isinstance(text, str) or not _DIGEST.match(text):
        raise InvalidParameter(f"invalid digest {text!r}")
    return text


def layer_media_type(compression: str) -> str:
    """`compression` is "", gzip or zstd; containerd chooses its decompressor by it."""
    return f"{LAYER}+{compression}" if compression else LAYER


def _descriptor(raw: Any) -> Descriptor:
    if not isinstance(raw, dict) or not isinstance(raw.get("size"), int):
        raise InvalidParameter("invalid manifest: a descriptor has no size")
    annotations = raw.get("annotations")
    return Descriptor(
        str(raw.get("mediaType") or ""),
        parse_digest(raw.get("digest")),
        raw["size"],
        annotations if isinstance(annotations, dict) else {},
    )


def _object(data: bytes) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise InvalidParameter(f"invalid manifest: {error}") from error
    if not isinstance(raw, dict):
        raise InvalidParameter("invalid manifest: not an object")
    return raw


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def kind_of(stated: str, data: bytes) -> str:
    """The media type of a manifest or index; what it says of itself where a registry's is of no use."""
    if stated in _KINDS or "manifest.v1" in stated:
        return stated
    raw = _object(data)
    own = raw.get("mediaType")
    if isinstance(own, str) and own in _KINDS:
        return own
    return INDEX if "manifests" in raw else MANIFEST


def parse_manifest(data: bytes) -> Manifest:
    raw = _object(data)
    if "config" not in raw:
        raise InvalidParameter("invalid manifest: it names no config")
    if "manifests" in raw:
        raise InvalidParameter("invalid manifest: it is an index as well")
    return Manifest(
        _descriptor(raw["config"]), tuple(_descriptor(each) for each in _list(raw.get("layers")))
    )


def parse_index(data: bytes) -> list[tuple[Descriptor, Platform | None]]:
    """The entries of an index, each with its platform where it states one."""
    entries: list[tuple[Descriptor, Platform | None]] = []
    index = _object(data)
    if "layers" in index or "config" in index:
        raise InvalidParameter("invalid index: it is a manifest as well")
    for raw in _list(index.get("manifests")):
        stated = raw.get("platform") if isinstance(raw, dict) else None
        platform = None
        if isinstance(stated, dict):
            platform = Platform(
                *(str(stated.get(key) or "") for key in ("os", "architecture", "variant"))
            )
        entries.append((_descriptor(raw), platform))
    return entries


def pick_platform(
    entries: Iterable[tuple[Descriptor, Platform | None]], wanted: Platform
) -> Descriptor:
    """The first entry for this platform, else the first that states none; raises NotFound.

    Where no variant is wanted, the one that every machine of the architecture runs goes first.
    """
    silent: Descriptor | None = None
    fitting: list[tuple[bool, Descriptor]] = []
    plain = ("", _BASELINES.get(wanted.architecture, ""))
    for descriptor, platform in entries:
        if platform is None:
            silent = silent or descriptor
        elif (platform.os, platform.architecture) == (wanted.os, wanted.architecture) and (
            not wanted.variant or platform.variant == wanted.variant
        ):
            fitting.append((platform.variant not in plain, descriptor))
    if fitting:
        return min(fitting, key=lambda each: each[0])[1]
    if silent is None:
        shown = "/".join(each for each in (wanted.os, wanted.architecture, wanted.variant) if each)
        raise NotFound(f"no matching manifest for {shown} in the manifest list entries")
    return silent


def make_manifest(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """An OCI manifest for content that came without one."""

    def entry(each: Descriptor) -> dict[str, Any]:
        return {"mediaType": each.media_type, "digest": each.digest, "size": each.size}

    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": entry(config),
            "layers": [entry(each) for each in layers],
        }
    )
