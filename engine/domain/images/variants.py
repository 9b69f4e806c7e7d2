"""What an index names beside the platform that an image is of: whether all of it is here, and one platform's image."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.domain.images.catalogue import Image
from engine.domain.images.config import parse_config
from engine.domain.images.manifests import (
    Platform,
    is_index,
    parse_index,
    parse_manifest,
)
from engine.domain.images.ports import Content, Descriptor
from engine.domain.images.store import Store, make_image
from engine.domain.images.tree import CONFIG_LIMIT, DEPTH, MANIFEST_LIMIT, read_tree
from engine.errors import EngineError, InvalidParameter, NotFound

__all__ = ["Part", "parts_of", "variant_of"]


class Part(msgspec.Struct, frozen=True):
    """An index or a manifest, as it is stored.

    `layers` are its own, each with its diff ID, or "" where the config names none (an attestation's).
    """

    descriptor: Descriptor
    data: bytes
    config: Descriptor | None = None
    layers: tuple[tuple[Descriptor, str], ...] = ()

    @property
    def blobs(self) -> list[Descriptor]:
        layers = [layer for layer, _ in self.layers]
        return [*layers, self.config] if self.config is not None else layers


async def parts_of(content: Content, target: Descriptor) -> list[Part]:
    """All that the index names, what is named before who names it, so the index itself comes last.

    Raises NotFound when any of it is not here, InvalidParameter for what is no index or manifest.
    """
    found: dict[str, Part] = {}
    await _collect(content, target, found, DEPTH)
    for part in found.values():
        for blob in part.blobs:
            await content.info(blob.digest)
    return list(found.values())


async def variant_of(store: Store, image: Image, wanted: Platform, name: str) -> Image:
    """The image's sibling for this platform, or itself. Raises NotFound unless it is here whole."""
    own = Platform(
        image.config.os or "linux", image.config.architecture or "", image.config.variant or ""
    )
    if not is_index(image.target):
        if not _serves(own, wanted):
            raise _lacking(name, wanted)
        return image
    try:
        tree = await read_tree(store.stores.content, image.target, wanted)
        for layer in tree.layers:
            await store.stores.content.info(layer.digest)
    except NotFound as error:
        raise _lacking(name, wanted) from error
    if tree.manifest.digest == image.manifest.digest:
        return image
    known = store.catalogue.images.get(tree.image_id)
    if known is not None and known.manifest.digest == tree.manifest.digest:
        return known
    return make_image(tree, tuple(layer.size for layer in tree.layers))


async def _collect(
    content: Content, target: Descriptor, found: dict[str, Part], depth: int
) -> None:
    if target.digest in found:
        return
    if not depth:
        raise InvalidParameter("invalid index: too many of them in each other")
    data = await content.read_all(target.digest, MANIFEST_LIMIT)
    if is_index(target):
        for entry, _ in parse_index(data):
            await _collect(content, entry, found, depth - 1)
        found[target.digest] = Part(target, data)
        return
    manifest = parse_manifest(data)
    diff_ids = await _diff_ids(content, manifest.config, len(manifest.layers))
    layers = tuple(zip(manifest.layers, diff_ids, strict=True))
    found[target.digest] = Part(target, data, manifest.config, layers)


async def _diff_ids(content: Content, config: Descriptor, count: int) -> Sequence[str]:
    data = await content.read_all(config.digest, CONFIG_LIMIT)
    try:
        found = parse_config(data).rootfs.diff_ids
    except EngineError:
        found = []
    return found if len(found) == count else [""] * count


def _serves(own: Platform, wanted: Platform) -> bool:
    return (own.os, own.architecture) == (wanted.os, wanted.architecture) and (
        not wanted.variant or not own.variant or own.variant == wanted.variant
    )


def _lacking(name: str, wanted: Platform) -> NotFound:
    shown = "/".join(each for each in (wanted.os, wanted.architecture, wanted.variant) if each)
    return NotFound(
        f"image with reference {name} was found but does not provide the specified platform ({shown})"
    )
