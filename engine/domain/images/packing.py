"""Compressing what came uncompressed, before it goes over the network: `docker load` and `import` keep
layers as they were, and their manifests are of our own making.
"""

from __future__ import annotations

from contextlib import aclosing

from engine.domain.images.catalogue import Image
from engine.domain.images.ingest import Ingest
from engine.domain.images.labels import UNCOMPRESSED
from engine.domain.images.manifests import LAYER, MANIFEST, layer_media_type, make_manifest
from engine.domain.images.ports import Archives, Descriptor
from engine.domain.images.store import Store
from engine.domain.images.transfers import Transfers
from engine.domain.images.tree import MANIFEST_LIMIT, read_tree

__all__ = ["Packer"]


class Packer:
    def __init__(self, store: Store, transfers: Transfers, archives: Archives) -> None:
        self._store = store
        self._content = store.stores.content
        self._transfers = transfers
        self._archives = archives

    async def packed(self, image: Image) -> Image:
        """The image with its layers compressed; as it is if somebody else made its manifest.

        The image's ID stays, and its names stand for the new manifest from now on.
        """
        if not any(each.media_type == LAYER for each in image.layers):
            return image
        own = make_manifest(image.config_descriptor, image.layers)
        if await self._content.read_all(image.target.digest, MANIFEST_LIMIT) != own:
            return image
        async with self._transfers.ingest() as ingest:
            diff_ids = image.config.rootfs.diff_ids
            layers = [
                await self._pack(ingest, layer, diff_id)
                for layer, diff_id in zip(image.layers, diff_ids, strict=True)
            ]
            manifest = make_manifest(image.config_descriptor, layers)
            target = await ingest.put(manifest, MANIFEST)
            tree = await read_tree(self._content, target, self._store.platform)
            return await self._transfers.replace(ingest, tree, image)

    async def _pack(self, ingest: Ingest, layer: Descriptor, diff_id: str) -> Descriptor:
        if layer.media_type != LAYER:
            return layer
        plain = self._content.read(layer.digest)
        async with (
            aclosing(plain),
            aclosing(self._archives.compressed(plain)) as pieces,
        ):
            digest, size = await ingest.put_stream(pieces)
        await self._content.update_labels(digest, {UNCOMPRESSED: diff_id})
        return Descriptor(layer_media_type("gzip"), digest, size)
