"""Load, import and save: long work that runs in the caller's task, under a lease."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

import trio

from engine.domain.images.archive import Archive
from engine.domain.images.building import Workbench
from engine.domain.images.catalogue import Image
from engine.domain.images.committing import EMPTY_LAYER, Commit, committed_config
from engine.domain.images.importing import import_config
from engine.domain.images.ingest import Ingest
from engine.domain.images.loading import Loadable, Loader
from engine.domain.images.manifests import CONFIG, LAYER, MANIFEST, Platform, make_manifest
from engine.domain.images.messages import Adopt, Message, Replace
from engine.domain.images.ports import Archives, Descriptor, Reserve, Resource
from engine.domain.images.progress import Message as Progress
from engine.domain.images.progress import layer_progress, status, stream
from engine.domain.images.saving import Selected, archive_of
from engine.domain.images.service import Emit, attributes
from engine.domain.images.store import Store, make_image
from engine.domain.images.tree import Tree, read_tree
from engine.domain.names.references import Reference, familiar
from engine.errors import DeadlineExceeded, NotFound
from engine.models.containers import ContainerConfig
from supervisors import Mailbox

__all__ = ["Transfers"]

_ENTRY = 60.0


class Transfers:
    def __init__(
        self,
        store: Store,
        archives: Archives,
        mailbox: Mailbox[Message],
        emit: Emit,
        *,
        snapshotter: str,
        now_ns: Callable[[], int],
        reserve: Reserve | None = None,
    ) -> None:
        self._store = store
        self._stores = store.stores
        self._archives = archives
        self._mailbox = mailbox
        self._emit = emit
        self._snapshotter = snapshotter
        self._now_ns = now_ns
        self._reserve = reserve

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[Ingest]:
        async with self._store.leases.lease() as lease:
            yield self._ingest(lease)

    @asynccontextmanager
    async def workbench(self) -> AsyncIterator[Workbench]:
        async with self._store.leases.lease() as lease:
            yield Workbench(
                self._store,
                self._ingest(lease),
                self._mailbox,
                snapshotter=self._snapshotter,
                lease=lease,
                now_ns=self._now_ns,
            )

    @asynccontextmanager
    async def holding(self, resources: Sequence[Resource]) -> AsyncIterator[None]:
        """Keep these, and what they are tied to, from being collected meanwhile."""
        async with self._store.leases.lease() as lease:
            for each in resources:
                await self._stores.leases.add_resource(lease, each)
            yield

    def _ingest(self, lease: str) -> Ingest:
        return Ingest(
            self._stores,
            engine_id=self._store.engine_id,
            snapshotter=self._snapshotter,
            lease=lease,
            reserve=self._reserve,
        )

    async def load(
        self, chunks: AsyncIterator[bytes], *, quiet: bool
    ) -> AsyncGenerator[Progress, None]:
        async with self.ingest() as ingest:
            archive = Archive(self._archives, self._stores.content, ingest)
            await archive.receive(chunks)
            for loadable in await Loader(archive, ingest, self._store.platform).images():
                async with aclosing(self._load_one(ingest, loadable)) as messages:
                    async for message in messages:
                        if not quiet or "stream" in message:
                            yield message

    async def _load_one(self, ingest: Ingest, loadable: Loadable) -> AsyncGenerator[Progress, None]:
        tree = await read_tree(self._stores.content, loadable.target, self._store.platform)
        async with aclosing(ingest.unpack(tree)) as steps:
            async for step in steps:
                yield layer_progress(step.diff_id, step.size if step.done else 0, step.size)
        references = loadable.references
        parent = loadable.parent
        for name, id in await self.enter(ingest, tree, references, action="load", parent=parent):
            yield stream(
                f"The image {name} already exists, renaming the old one with ID {id} to empty string"
            )
        if not references:
            yield stream(f"Loaded image ID: {tree.image_id}")
        for reference in references:
            yield stream(f"Loaded image: {familiar(reference)}")

    async def import_(
        self,
        chunks: AsyncIterator[bytes],
        *,
        reference: Reference | None,
        message: str,
        config: ContainerConfig,
        platform: Platform,
    ) -> AsyncGenerator[Progress, None]:
        async with self.ingest() as ingest:
            async with aclosing(self._archives.decompressed(chunks)) as plain:
                diff_id, size = await ingest.put_stream(plain)
            encoded = import_config(
                config=config,
                platform=platform,
                message=message,
                now_ns=self._now_ns(),
                diff_id=diff_id,
            )
            stored = await ingest.put(encoded, CONFIG)
            manifest = make_manifest(stored, [Descriptor(LAYER, diff_id, size)])
            target = await ingest.put(manifest, MANIFEST)
            tree = await read_tree(self._stores.content, target, platform)
            async with aclosing(ingest.unpack(tree)) as steps:
                async for _ in steps:
                    pass
            references = (reference,) if reference else ()
            await self.enter(ingest, tree, references, action="import")
        yield status(tree.image_id)

    async def commit(
        self,
        parent: Image,
        layer: AsyncIterator[bytes],
        commit: Commit,
        reference: Reference | None,
    ) -> str:
        """The ID of the image that `layer` makes of its parent."""
        async with self.ingest() as ingest:
            diff_id, size = await ingest.put_stream(layer)
            encoded = committed_config(parent.config, commit, diff_id, self._now_ns())
            for each in parent.layers:
                await ingest.has(each.digest)
            own = [] if diff_id == EMPTY_LAYER else [Descriptor(LAYER, diff_id, size)]
            stored = await ingest.put(encoded, CONFIG)
            target = await ingest.put(make_manifest(stored, [*parent.layers, *own]), MANIFEST)
            tree = await read_tree(self._stores.content, target, self._store.platform)
            async with aclosing(ingest.unpack(tree)) as steps:
                async for _ in steps:
                    pass
            references = (reference,) if reference else ()
            await self.enter(ingest, tree, references, action="commit", parent=parent.id)
        return tree.image_id

    async def save(self, selected: Sequence[Selected]) -> AsyncGenerator[bytes, None]:
        held = [Resource(each.image.manifest.digest, "content") for each in selected]
        async with (
            self.holding(held),
            aclosing(archive_of(self._stores.content, selected)) as pieces,
        ):
            async for piece in pieces:
                yield piece
        for each in selected:
            given = attributes(each.image, each.image.id)
            await self._emit("image", "save", each.image.id, given)

    async def enter(
        self,
        ingest: Ingest,
        tree: Tree,
        references: Sequence[Reference],
        *,
        action: str,
        parent: str = "",
    ) -> list[tuple[str, str]]:
        """Tie an unpacked tree together and have it entered; names that other images lost by it.

        Shielded: a client that leaves now must not take the lease away before the record is there.
        """
        with trio.move_on_after(_ENTRY, shield=True):
            await ingest.tie(tree)
            image = make_image(tree, await ingest.sizes(tree), parent)
            return await self._mailbox.ask(Adopt(image, tuple(references), action))
        raise DeadlineExceeded("the image could not be entered in time")

    async def replace(self, ingest: Ingest, tree: Tree, before: Image) -> Image:
        """Have an image go by another manifest with the same layers; shielded as `enter` is."""
        image = make_image(tree, before.layer_sizes, before.parent)
        with trio.move_on_after(_ENTRY, shield=True):
            await ingest.tie(tree)
            await self._mailbox.ask(Replace(image))
            return image
        raise DeadlineExceeded("the image could not be entered in time")

    async def unpacked(self, image: Image) -> str:
        if not image.chain_id:
            return ""
        with suppress(NotFound):
            await self._stores.snapshots.stat(image.chain_id)
            return image.chain_id
        async with self.ingest() as ingest:
            tree = await read_tree(self._stores.content, image.manifest, self._store.platform)
            async with aclosing(ingest.unpack(tree)) as steps:
                async for _ in steps:
                    pass
            await ingest.tie(tree)
        return image.chain_id
