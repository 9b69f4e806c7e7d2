"""Pushing: an image's blobs and its manifest to a registry, told as dockerd tells it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence

import msgspec
import trio

from engine.domain.images.catalogue import Image
from engine.domain.images.labels import sources_in
from engine.domain.images.manifests import Platform, is_index
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
from engine.domain.images.variants import Part, parts_of, variant_of
from engine.domain.names.references import Reference, familiar
from engine.errors import InvalidParameter, NotFound
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

    async def push(
        self,
        reference: Reference,
        *,
        credentials: AuthConfig,
        report: Report,
        platform: Platform | None = None,
    ) -> None:
        """One tag, or all of the repository; with a platform only its manifest.

        Raises NotFound, Refused, Interrupted.
        """
        report(status(f"The push refers to repository [{reference.name}]"))
        found = self._images(reference)
        if platform is not None:
            found = [
                (tagged, await variant_of(self.store, image, platform, familiar(tagged)))
                for tagged, image in found
            ]
        try:
            await self._push(reference, found, credentials, report, alone=platform is not None)
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
        *,
        alone: bool,
    ) -> None:
        sources = await self._sources(reference, [image for _, image in found])
        async with self._registries.repository(
            reference, credentials, push=True, sources=sources
        ) as repository:
            for tagged, image in found:
                await _One(self, tagged, image, repository, sources, report, alone).run()

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


class _One(msgspec.Struct):
    """The push of one tag; `alone` when its user wants this platform and no index."""

    pusher: Pusher
    reference: Reference
    image: Image
    repository: Repository
    sources: Sequence[str]
    report: Report
    alone: bool

    async def run(self) -> None:
        self._prepare(self.image.config.rootfs.diff_ids)
        self.image = await self.pusher.packer.packed(self.image)
        parts = await self._parts()
        async with self.pusher.transfers.holding(_resources(parts)):
            await self._layers(parts)
            for part in parts:
                if part.config is not None:
                    await self._blob(part.config)
            for part in parts:
                name = part.descriptor.digest
                if part is parts[-1]:
                    name = self.reference.tag or ""
                await self.repository.put_manifest(name, part.descriptor, part.data)
            await self._note_sources(parts)
        await self._tell(parts[-1].descriptor)

    async def _tell(self, pushed: Descriptor) -> None:
        digest, size, tag = pushed.digest, pushed.size, self.reference.tag
        self.report(status(f"{tag}: digest: {digest} size: {size}"))
        self.report(aux({"Tag": tag, "Digest": digest, "Size": size}))
        if self.image.target.digest != digest and not self.alone:
            self.report(aux(_instead_of_index(self.image)))
        await self.pusher.mailbox.ask(Pushed(self.image.id, self.reference, digest))

    @property
    def _content(self) -> Content:
        return self.pusher.store.stores.content

    async def _parts(self) -> list[Part]:
        """The whole index where all of it is here, else the manifest of the platform that is."""
        image = self.image
        if is_index(image.target) and not self.alone:
            try:
                parts = await parts_of(self._content, image.target)
            except (NotFound, InvalidParameter):
                parts = []
            if parts:
                known = set(image.config.rootfs.diff_ids)
                shown = [_shown(*each) for part in parts for each in part.layers]
                self._prepare([each for each in shown if each not in known])
                return parts
        data = await self._content.read_all(image.manifest.digest, MANIFEST_LIMIT)
        layers = tuple(zip(image.layers, image.config.rootfs.diff_ids, strict=True))
        return [Part(image.manifest, data, image.config_descriptor, layers)]

    def _prepare(self, diff_ids: Sequence[str]) -> None:
        """Layers are listed from the top down, as dockerd does it."""
        for diff_id in dict.fromkeys(reversed(diff_ids)):
            self.report(layer_status(diff_id, "Preparing"))

    async def _layers(self, parts: Sequence[Part]) -> None:
        layers: dict[str, tuple[Descriptor, str]] = {}
        for part in parts:
            for layer, diff_id in reversed(part.layers):
                layers.setdefault(layer.digest, (layer, _shown(layer, diff_id)))
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

    async def _note_sources(self, parts: Sequence[Part]) -> None:
        async with self.pusher.transfers.ingest() as ingest:
            for each in [blob for part in parts for blob in part.blobs]:
                await ingest.note_source(each.digest, self.reference)


def _resources(parts: Sequence[Part]) -> list[Resource]:
    """A manifest's label holds its blobs, but a part of an index need not be tied to anything."""
    blobs = [blob for part in parts for blob in part.blobs] if len(parts) > 1 else []
    held = [*(part.descriptor for part in parts), *blobs]
    return [Resource(digest, "content") for digest in dict.fromkeys(each.digest for each in held)]


def _shown(layer: Descriptor, diff_id: str) -> str:
    """What progress calls a layer."""
    return diff_id or layer.digest


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
