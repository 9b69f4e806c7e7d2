"""Pushing: an image's blobs and its manifest to a registry, told as dockerd tells it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import trio

from engine.domain.images.catalogue import Image
from engine.domain.images.labels import sources_in
from engine.domain.images.messages import Message, Pushed
from engine.domain.images.naming import key_of
from engine.domain.images.outbox import Report
from engine.domain.images.packing import Packer
from engine.domain.images.ports import Content, Descriptor, Resource
from engine.domain.images.progress import aux, layer_bar, layer_status, status
from engine.domain.images.registries import NO_CREDENTIALS, Refused, Registries, Repository
from engine.domain.images.store import Store
from engine.domain.images.together import together
from engine.domain.images.transfers import Transfers
from engine.domain.images.tree import MANIFEST_LIMIT
from engine.domain.names.references import Reference, familiar
from engine.errors import NotFound
from engine.models.registry import AuthConfig
from supervisors import Mailbox

__all__ = ["Pusher"]

BAR_INTERVAL = 0.1
# More candidates than this are not asked for a mount.
SOURCES = 4


class Pusher:
    """`limit` uploads at a time, over all pushes."""

    def __init__(
        self,
        store: Store,
        transfers: Transfers,
        registries: Registries,
        packer: Packer,
        mailbox: Mailbox[Message],
        *,
        limit: float = 5,
    ) -> None:
        self.store = store
        self.transfers = transfers
        self.mailbox = mailbox
        self.limiter = trio.CapacityLimiter(limit)
        self._registries = registries
        self.packer = packer

    async def push(self, reference: Reference, *, credentials: AuthConfig, report: Report) -> None:
        """One tag, or all of the repository. Raises NotFound, Refused, Interrupted."""
        report(status(f"The push refers to repository [{reference.name}]"))
        found = self._images(reference)
        try:
            await self._push(reference, found, credentials, report)
        except Refused as error:
            if error.code == NO_CREDENTIALS:
                raise Refused("no basic auth credentials", code=error.code) from error
            raise

    async def _push(
        self,
        reference: Reference,
        found: Sequence[tuple[Reference, Image]],
        credentials: AuthConfig,
        report: Report,
    ) -> None:
        sources = await self._sources(reference, [image for _, image in found])
        async with self._registries.repository(
            reference, credentials, push=True, sources=sources
        ) as repository:
            for tagged, image in found:
                await _One(self, tagged, image, repository, sources, report).run()

    def _images(self, reference: Reference) -> list[tuple[Reference, Image]]:
        catalogue = self.store.catalogue
        if reference.tag is None:
            records = [
                each
                for each in catalogue.records.values()
                if each.reference is not None
                and each.reference.name == reference.name
                and each.reference.tag is not None
            ]
        else:
            record = catalogue.records.get(key_of(reference))
            records = [record] if record is not None else []
        found = [
            (each.reference, catalogue.images[each.image_id])
            for each in sorted(records, key=lambda record: record.name)
            if each.reference is not None and each.image_id in catalogue.images
        ]
        if not found:
            raise NotFound(f"An image does not exist locally with the tag: {familiar(reference)}")
        return found

    async def _sources(self, reference: Reference, images: Sequence[Image]) -> list[str]:
        """Repositories of the same registry that have some of the layers."""
        found: dict[str, None] = {}
        for image in images:
            for layer in image.layers:
                labels = (await self.store.stores.content.info(layer.digest)).labels
                found |= dict.fromkeys(sources_in(labels, reference.domain))
        found.pop(reference.path, None)
        return list(found)[:SOURCES]


@dataclass
class _One:
    """The push of one tag."""

    pusher: Pusher
    reference: Reference
    image: Image
    repository: Repository
    sources: Sequence[str]
    report: Report

    async def run(self) -> None:
        self._prepare()
        self.image = image = await self.pusher.packer.packed(self.image)
        transfers = self.pusher.transfers
        async with transfers.holding([Resource(image.manifest.digest, "content")]):
            await self._layers()
            await self._blob(image.config_descriptor)
            data = await self._content.read_all(image.manifest.digest, MANIFEST_LIMIT)
            await self.repository.put_manifest(self.reference.tag or "", image.manifest, data)
            await self._note_sources()
        digest, size, tag = image.manifest.digest, image.manifest.size, self.reference.tag
        self.report(status(f"{tag}: digest: {digest} size: {size}"))
        self.report(aux({"Tag": tag, "Digest": digest, "Size": size}))
        if image.target.digest != digest:
            self.report(aux(_instead_of_index(image)))
        await self.pusher.mailbox.ask(Pushed(image.id, self.reference, digest))

    @property
    def _content(self) -> Content:
        return self.pusher.store.stores.content

    def _prepare(self) -> None:
        """Layers are listed from the top down, as dockerd does it."""
        for diff_id in dict.fromkeys(reversed(self.image.config.rootfs.diff_ids)):
            self.report(layer_status(diff_id, "Preparing"))

    async def _layers(self) -> None:
        layers: dict[str, tuple[Descriptor, str]] = {}
        diff_ids = self.image.config.rootfs.diff_ids
        for layer, diff_id in reversed(list(zip(self.image.layers, diff_ids, strict=True))):
            layers.setdefault(layer.digest, (layer, diff_id))
        async with together() as nursery:
            for layer, diff_id in layers.values():
                nursery.start_soon(self._layer, layer, diff_id)

    async def _layer(self, layer: Descriptor, diff_id: str) -> None:
        limiter = self.pusher.limiter
        if limiter.available_tokens < 1:
            self.report(layer_status(diff_id, "Waiting"))
        async with limiter:
            if await self.repository.has_blob(layer.digest):
                self.report(layer_status(diff_id, "Layer already exists"))
            elif source := await self._mount(layer):
                self.report(layer_status(diff_id, f"Mounted from {source}"))
            else:
                await self._upload(layer, diff_id)
                self.report(layer_status(diff_id, "Pushed"))

    async def _mount(self, layer: Descriptor) -> str:
        labels = (await self._content.info(layer.digest)).labels
        for source in sources_in(labels, self.reference.domain):
            if source in self.sources and await self.repository.mount(layer.digest, source):
                return source
        return ""

    async def _upload(self, blob: Descriptor, diff_id: str = "") -> None:
        told = -math.inf

        def progress(current: int) -> None:
            nonlocal told
            now = trio.current_time()
            if diff_id and (now - told >= BAR_INTERVAL or current == blob.size):
                told = now
                self.report(layer_bar(diff_id, "Pushing", current, blob.size))

        def content(offset: int) -> AsyncIterator[bytes]:
            return self._content.read(blob.digest, offset)

        progress(0)
        await self.repository.upload(blob, content, progress)

    async def _blob(self, blob: Descriptor) -> None:
        if not await self.repository.has_blob(blob.digest):
            await self._upload(blob)

    async def _note_sources(self) -> None:
        async with self.pusher.transfers.ingest() as ingest:
            for each in (*self.image.layers, self.image.config_descriptor):
                await ingest.note_source(each.digest, self.reference)


def _instead_of_index(image: Image) -> dict[str, object]:
    """docker CLI tells its user from this that the other platforms were not pushed."""
    return {
        "manifestPushedInsteadOfIndex": True,
        "originalIndex": _oci(image.target),
        "selectedManifest": _oci(image.manifest),
    }


def _oci(descriptor: Descriptor) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
