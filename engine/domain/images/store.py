"""The records of our images in containerd's image store, and the catalogue that is read from them.

Only the service changes them, one message at a time; reads look at `catalogue`, which is replaced
whole. A name that another engine has in the same namespace is refused, never taken.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress

import trio
from msgspec.structs import replace

from engine.domain.images.catalogue import Catalogue, Image, Record
from engine.domain.images.labels import (
    CHOSEN,
    ENGINE,
    PARENT,
    download_prefix,
    ours,
    parse_sizes,
    record_labels,
)
from engine.domain.images.leases import LeaseKeeper
from engine.domain.images.manifests import Platform
from engine.domain.images.naming import key_of, parse_key, untagged_key
from engine.domain.images.ports import Descriptor, DescriptorLike, ImageRecord, Stores
from engine.domain.images.tree import Tree, read_tree
from engine.domain.names.references import Reference
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound, Unavailable

__all__ = ["Store", "make_image"]

log = logging.getLogger(__name__)

_READERS = 8

# An index stands for several images: its digest, and that of the manifest that was chosen.
TreeKey = tuple[str, str]


class Store:
    def __init__(self, stores: Stores, *, engine_id: str, platform: Platform) -> None:
        self.stores = stores
        self.engine_id = engine_id
        self.platform = platform
        self.leases = LeaseKeeper(stores.leases, engine_id)
        self._catalogue: Catalogue | None = None

    @property
    def loaded(self) -> bool:
        return self._catalogue is not None

    @property
    def catalogue(self) -> Catalogue:
        """Raises Unavailable until containerd has been asked for the first time."""
        if self._catalogue is None:
            raise Unavailable("the images are not known yet: containerd has not answered")
        return self._catalogue

    async def refresh(self) -> None:
        """Read everything again; an image with missing content is left out and logged."""
        await self.leases.drop_left_over()
        found = await self.stores.images.list(ours(self.engine_id))
        trees = await self._trees({_tree_key(each): each for each in found}.values())
        records, images = [], {}
        for each in found:
            if (tree := trees.get(_tree_key(each))) is None:
                continue
            if (record := _record(each, tree.image_id)) is None:
                continue
            records.append(record)
            if tree.image_id not in images:
                sizes = await self._sizes(each, tree)
                images[tree.image_id] = make_image(tree, sizes, each.labels.get(PARENT, ""))
        self._catalogue = Catalogue.build(images.values(), records)

    async def sweep(self, idle: float, now: float) -> None:
        """Drop leases of an earlier life, and downloads without a byte for `idle` seconds; `now` since the epoch."""
        await self.leases.drop_left_over()
        for each in await self.stores.content.statuses():
            if self.leases.busy:
                return  # a pull may be about to go on with it
            if (
                each.ref.startswith(download_prefix(self.engine_id))
                and now - each.updated_at >= idle
            ):
                with suppress(NotFound):
                    await self.stores.content.abort(each.ref)

    async def point(self, reference: Reference, image: Image) -> Image | None:
        """Give a name to an image; the image that had it before, if it was another one."""
        key = key_of(reference)
        before = self.catalogue.records.get(key)
        previous = self.catalogue.images.get(before.image_id) if before else None
        if previous is not None and previous.id != image.id:
            await self._keep_untagged(previous, without=(key,))
        written = await self._write(key, image)
        record = Record(
            name=key,
            image_id=image.id,
            target=image.target,
            reference=parse_key(key),
            tagged_at=written.updated_at,
        )
        self._catalogue = self.catalogue.put(record, image=image)
        await self._drop_untagged(image.id)
        return previous if previous is not None and previous.id != image.id else None

    async def replace(self, image: Image) -> None:
        """Let the names of this image stand for its new manifest; those by digest stay with the old."""
        for record in self.catalogue.records_of(image.id):
            if record.reference is None or record.reference.digest is None:
                await self._write(record.name, image)
                changed = replace(record, target=image.target)
                self._catalogue = self.catalogue.put(changed, image=image)

    async def keep(self, image: Image) -> None:
        """Hold an image that may have no name."""
        await self._keep_untagged(image)

    async def unpoint(self, image_id: str, names: Collection[str], *, keep: bool) -> None:
        """Take these records away; with `keep`, the image stays, without a name if need be."""
        if keep:
            await self._keep_untagged(self.catalogue.images[image_id], without=names)
        for name in names:
            await self._delete(name)

    async def _keep_untagged(self, image: Image, *, without: Collection[str] = ()) -> None:
        """Make a record without a name, unless one that stays holds the image already."""
        if any(each.name not in without for each in self.catalogue.records_of(image.id)):
            return
        key = untagged_key(self.engine_id, image.id)
        await self._write(key, image)
        record = Record(name=key, image_id=image.id, target=image.target, reference=None)
        self._catalogue = self.catalogue.put(record, image=image)

    async def _drop_untagged(self, image_id: str) -> None:
        key = untagged_key(self.engine_id, image_id)
        if key in self.catalogue.records:
            await self._delete(key)

    async def _delete(self, name: str) -> None:
        with suppress(NotFound):
            await self.stores.images.delete(name)
        self._catalogue = self.catalogue.drop(name)

    async def _write(self, key: str, image: Image) -> ImageRecord:
        images = self.stores.images
        chosen = image.manifest.digest if image.manifest.digest != image.target.digest else ""
        labels = record_labels(self.engine_id, image.id, image.parent, image.layer_sizes, chosen)
        if key not in self.catalogue.records:
            try:
                return await images.create(key, image.target, labels)
            except Conflict:
                holder = (await images.get(key)).labels.get(ENGINE)
                if holder != self.engine_id:
                    raise Conflict(
                        f"{key} belongs to somebody else in this containerd namespace"
                    ) from None
        return await images.update(key, image.target, labels)

    async def _trees(self, records: Iterable[ImageRecord]) -> dict[TreeKey, Tree]:
        trees: dict[TreeKey, Tree] = {}
        failures: list[EngineError] = []
        limit = trio.CapacityLimiter(_READERS)

        async def read(record: ImageRecord) -> None:
            target = _descriptor(record.target)
            async with limit:
                try:
                    trees[_tree_key(record)] = await read_tree(
                        self.stores.content,
                        target,
                        self.platform,
                        chosen=record.labels.get(CHOSEN, ""),
                    )
                except (NotFound, InvalidParameter) as error:
                    log.warning("image %s is left out: %s", record.name, error)
                except EngineError as error:
                    failures.append(error)

        async with trio.open_nursery() as nursery:
            for record in records:
                nursery.start_soon(read, record)
        if failures:
            raise failures[0]
        return trees

    async def _sizes(self, record: ImageRecord, tree: Tree) -> tuple[int, ...]:
        stated = parse_sizes(record.labels, len(tree.layers))
        if stated is not None:
            return stated
        try:
            usage = self.stores.snapshots.usage
            return tuple([(await usage(each))[0] for each in tree.chain_ids])
        except NotFound:
            return tuple(each.size for each in tree.layers)


def make_image(tree: Tree, sizes: tuple[int, ...], parent: str = "") -> Image:
    return Image(
        id=tree.image_id,
        config=tree.config,
        target=tree.target,
        manifest=tree.manifest,
        config_descriptor=tree.config_descriptor,
        layers=tree.layers,
        chain_ids=tree.chain_ids,
        layer_sizes=sizes,
        parent=parent,
    )


def _tree_key(record: ImageRecord) -> TreeKey:
    return record.target.digest, record.labels.get(CHOSEN, "")


def _record(found: ImageRecord, image_id: str) -> Record | None:
    try:
        reference = parse_key(found.name)
    except EngineError:
        log.warning("image record %s is left out: its name is no reference", found.name)
        return None
    return Record(
        name=found.name,
        image_id=image_id,
        target=_descriptor(found.target),
        reference=reference,
        tagged_at=found.updated_at if reference else 0.0,
    )


def _descriptor(found: DescriptorLike) -> Descriptor:
    return Descriptor(found.media_type, found.digest, found.size, dict(found.annotations))
