"""A descriptor tree in the content store: from an image's target down to its config."""

from __future__ import annotations

import msgspec

from engine.domain.images.config import ImageConfig, chain_ids, parse_config
from engine.domain.images.manifests import (
    Platform,
    is_index,
    parse_index,
    parse_manifest,
    pick_platform,
)
from engine.domain.images.ports import Content, Descriptor
from engine.errors import InvalidParameter

__all__ = ["CONFIG_LIMIT", "DEPTH", "MANIFEST_LIMIT", "Tree", "read_tree"]

MANIFEST_LIMIT = 4 << 20
CONFIG_LIMIT = 8 << 20
# An index of an index of ...: nobody has more than two.
DEPTH = 4


class Tree(msgspec.Struct, frozen=True):
    """`target` is the index or the manifest itself; the image's ID is the config's digest."""

    target: Descriptor
    manifest: Descriptor
    config_descriptor: Descriptor
    layers: tuple[Descriptor, ...]
    config: ImageConfig

    @property
    def image_id(self) -> str:
        return self.config_descriptor.digest

    @property
    def chain_ids(self) -> tuple[str, ...]:
        return chain_ids(self.config.rootfs.diff_ids)


async def read_tree(
    content: Content, target: Descriptor, platform: Platform, *, chosen: str = ""
) -> Tree:
    """Raises NotFound for content that is missing, InvalidParameter for what makes no image.

    From an index the manifest with the digest `chosen` is taken if it is there, else the platform's.
    """
    manifest = target
    for _ in range(DEPTH):
        if not is_index(manifest):
            break
        index = await content.read_all(manifest.digest, MANIFEST_LIMIT)
        entries = parse_index(index)
        known = [each for each, _ in entries if each.digest == chosen]
        manifest = known[0] if known else pick_platform(entries, platform)
    parsed = parse_manifest(await content.read_all(manifest.digest, MANIFEST_LIMIT))
    config = parse_config(await content.read_all(parsed.config.digest, CONFIG_LIMIT))
    expected, actual = len(parsed.layers), len(config.rootfs.diff_ids)
    if expected != actual:
        raise InvalidParameter(
            f"invalid manifest, layers length mismatch: expected {expected}, got {actual}"
        )
    return Tree(target, manifest, parsed.config, parsed.layers, config)
