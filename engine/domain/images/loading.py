"""What a received archive says it holds: docker's manifest.json, an OCI layout, or docker's oldest form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.domain.images.archive import Archive
from engine.domain.images.config import digest_of, parse_config
from engine.domain.images.ingest import Ingest
from engine.domain.images.legacy import legacy_configs
from engine.domain.images.manifests import (
    CONFIG,
    MANIFEST,
    Manifest,
    Platform,
    is_index,
    layer_media_type,
    make_manifest,
    parse_index,
    parse_manifest,
    pick_platform,
)
from engine.domain.images.ports import Descriptor
from engine.domain.images.tree import CONFIG_LIMIT, MANIFEST_LIMIT
from engine.domain.names.references import Reference, parse_normalized
from engine.errors import EngineError, InvalidParameter, NotFound

__all__ = ["Loadable", "Loader"]

_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"


class Loadable(msgspec.Struct, frozen=True):
    """An image of an archive, its tree stored; `parent` is an image ID, or empty."""

    target: Descriptor
    references: tuple[Reference, ...]
    parent: str = ""


class Loader:
    def __init__(self, archive: Archive, ingest: Ingest, platform: Platform) -> None:
        self._archive = archive
        self._ingest = ingest
        self._platform = platform

    async def images(self) -> list[Loadable]:
        """Raises InvalidParameter for an archive that holds no images, or broken ones."""
        if self._archive.has("manifest.json"):
            return await self._docker()
        if self._archive.has("index.json"):
            return await self._layout()
        if self._archive.has("repositories"):
            return await self._legacy()
        raise InvalidParameter("invalid archive: does not contain a manifest.json")

    async def _docker(self) -> list[Loadable]:
        manifests = await self._manifests_by_config()
        items = await self._json("manifest.json")
        if not isinstance(items, list) and items is not None:
            raise InvalidParameter("invalid archive: failed to load manifest")
        return [await self._docker_image(each, manifests) for each in items or []]

    async def _docker_image(self, item: Any, manifests: dict[str, bytes]) -> Loadable:
        if not isinstance(item, dict) or not isinstance(item.get("Config"), str):
            raise InvalidParameter("invalid archive: failed to load manifest")
        config = await self._archive.read(item["Config"], CONFIG_LIMIT)
        references = tuple(_tagged(each) for each in item.get("RepoTags") or [])
        parent = item.get("Parent") or ""
        if (manifest := manifests.get(digest_of(config))) is not None:
            target = await self._store(manifest, config)
        else:
            target = await self._assemble(config, item.get("Layers") or [])
        return Loadable(target, references, parent if isinstance(parent, str) else "")

    async def _assemble(self, config: bytes, paths: list[Any]) -> Descriptor:
        """Store the tree of an image that has no manifest of its own."""
        parsed = parse_config(config)
        if parsed.os not in ("", "linux"):
            raise InvalidParameter(f"cannot load {parsed.os} image on linux")
        expected, actual = len(paths), len(parsed.rootfs.diff_ids)
        if expected != actual:
            raise InvalidParameter(
                f"invalid manifest, layers length mismatch: expected {expected}, got {actual}"
            )
        layers = []
        for path in paths:
            blob = await self._archive.blob(str(path))
            layers.append(Descriptor(layer_media_type(blob.compression), blob.digest, blob.size))
        stored = await self._ingest.put(config, CONFIG)
        return await self._ingest.put(make_manifest(stored, layers), MANIFEST)

    async def _manifests_by_config(self) -> dict[str, bytes]:
        """The original manifests, where the archive is an OCI layout as well (docker 25 and later)."""
        found: dict[str, bytes] = {}
        if not self._archive.has("index.json"):
            return found
        index = await self._archive.read("index.json", MANIFEST_LIMIT)
        for descriptor, _ in parse_index(index):
            path = _path(descriptor.digest)
            if is_index(descriptor) or not self._archive.has(path):
                continue
            data = await self._archive.read(path, MANIFEST_LIMIT)
            try:
                manifest = parse_manifest(data)
            except EngineError:
                continue
            if all(self._archive.has(_path(layer.digest)) for layer in manifest.layers):
                found[manifest.config.digest] = data
        return found

    async def _layout(self) -> list[Loadable]:
        index = await self._archive.read("index.json", MANIFEST_LIMIT)
        loadable = []
        for descriptor, platform in parse_index(index):
            if platform is not None and platform.os == "unknown":
                continue  # an attestation
            references = _named(descriptor)
            loadable.append(Loadable(await self._layout_image(descriptor), references))
        if not loadable:
            raise InvalidParameter("invalid archive: the index names no manifests")
        return loadable

    async def _layout_image(self, target: Descriptor) -> Descriptor:
        manifest = target
        while is_index(manifest):
            index = await self._archive.read(_path(manifest.digest), MANIFEST_LIMIT)
            await self._bring(manifest)
            entries = parse_index(index)
            chosen = pick_platform(entries, self._platform)
            for each, _ in entries:
                if each.digest != chosen.digest:
                    await self._bring_variant(manifest, each)
            manifest = chosen
        data = await self._archive.read(_path(manifest.digest), MANIFEST_LIMIT)
        if digest_of(data) != manifest.digest:
            raise InvalidParameter(
                f"invalid archive: {manifest.digest} has digest {digest_of(data)}"
            )
        parsed = parse_manifest(data)
        for each in (manifest, parsed.config, *parsed.layers):
            await self._bring(each)
        return msgspec.structs.replace(
            target, media_type=target.media_type or MANIFEST, annotations={}
        )

    async def _bring_variant(self, index: Descriptor, descriptor: Descriptor) -> None:
        """Keep another platform's manifest too if the archive has all of it, so that a push sends the index."""
        path = _path(descriptor.digest)
        if is_index(descriptor) or not self._archive.has(path):
            return
        data = await self._archive.read(path, MANIFEST_LIMIT)
        parsed = parse_manifest(data)
        blobs = (parsed.config, *parsed.layers)
        if not all(self._archive.has(_path(each.digest)) for each in blobs):
            return
        for each in (descriptor, *blobs):
            await self._bring(each)
        await self._ingest.tie_variant(index, descriptor, parsed)

    async def _store(self, manifest: bytes, config: bytes) -> Descriptor:
        """Store a tree whose manifest came with the archive, byte for byte."""
        parsed: Manifest = parse_manifest(manifest)
        for layer in parsed.layers:
            await self._bring(layer)
        await self._ingest.put(config, CONFIG)
        return await self._ingest.put(manifest, _media_type(manifest))

    async def _bring(self, descriptor: Descriptor) -> None:
        """Have this content in the store: from the archive, or as it is there already."""
        if self._archive.has(_path(descriptor.digest)):
            await self._archive.blob(_path(descriptor.digest))
        elif not await self._ingest.has(descriptor.digest):
            raise NotFound(f"content digest {descriptor.digest}: not found")

    async def _legacy(self) -> list[Loadable]:
        repositories = await self._json("repositories")
        loadable = []
        for image in await legacy_configs(self._archive, repositories):
            target = await self._assemble(image.config, list(image.layers))
            loadable.append(Loadable(target, tuple(_tagged(each) for each in image.names)))
        return loadable

    async def _json(self, path: str) -> Any:
        try:
            return msgspec.json.decode(await self._archive.read(path, MANIFEST_LIMIT))
        except msgspec.DecodeError as error:
            raise InvalidParameter(f"invalid archive: {path}: {error}") from error


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _media_type(manifest: bytes) -> str:
    stated = msgspec.json.decode(manifest).get("mediaType")
    return stated if isinstance(stated, str) and stated else MANIFEST


def _tagged(name: Any) -> Reference:
    reference = parse_normalized(str(name))
    if not reference.tag:
        raise InvalidParameter(f'invalid tag "{name}"')
    return reference


def _named(descriptor: Descriptor) -> tuple[Reference, ...]:
    """containerd's annotation has the whole name; OCI's may, or be a bare tag, which names nothing."""
    candidates: Iterable[str] = (
        descriptor.annotations.get(_NAME, ""),
        descriptor.annotations.get(_REF_NAME, ""),
    )
    for name in candidates:
        if ":" in name or "/" in name:
            reference = parse_normalized(name)
            return (reference,) if reference.tag or reference.digest else ()
    return ()
