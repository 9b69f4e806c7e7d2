"""From bytes to an image: blobs into the content store, a tree tied together, layers unpacked.

Layers are stored as they came, compressed or not: an uncompressed layer from `docker save` is
neither compressed for storage nor again for the next save.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import msgspec
import trio

from engine.domain.images.config import digest_of
from engine.domain.images.labels import (
    ENGINE,
    UNCOMPRESSED,
    add_source,
    config_labels,
    download_prefix,
    index_labels,
    manifest_labels,
    source_key,
)
from engine.domain.images.manifests import Manifest
from engine.domain.images.ports import (
    ContentWriter,
    Descriptor,
    DescriptorLike,
    Reserve,
    Resource,
    Stores,
)
from engine.domain.images.together import together
from engine.domain.images.tree import Tree
from engine.domain.names.references import Reference
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound

__all__ = ["Ingest", "LayerStep", "joined"]

# One write is one round trip; measured: 256 KiB is faster than 128 KiB or 1 MiB.
_PIECE = 1 << 18
_CLEAN_UP = 10.0
_LOOK = 0.25


class LayerStep(msgspec.Struct, frozen=True):
    """A layer is about to be unpacked, or is (`done`); `size` is the blob's."""

    diff_id: str
    size: int
    done: bool


class Ingest:
    """The work under one lease."""

    def __init__(
        self,
        stores: Stores,
        *,
        engine_id: str,
        snapshotter: str,
        lease: str,
        reserve: Reserve | None = None,
    ) -> None:
        self._stores = stores
        self._reserve = reserve
        self._own = {ENGINE: engine_id}
        self._snapshotter = snapshotter
        self._lease = lease

    def make_room(self, needed: int) -> None:
        """Raises SystemFailure when so many bytes would leave too little free on the disk."""
        if self._reserve is not None:
            self._reserve.check(needed)

    async def put(
        self, data: bytes, media_type: str, labels: Mapping[str, str] | None = None
    ) -> Descriptor:
        """Store a blob whose labels follow from its content."""
        digest = digest_of(data)
        async with aclosing(_once(data)) as chunks:
            await self.put_stream(chunks, expected=digest, labels=labels)
        return Descriptor(media_type, digest, len(data))

    async def put_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        expected: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> tuple[str, int]:
        """Store a blob; its digest and size. Raises InvalidParameter if it is not as expected."""
        reference = f"trimaran-{secrets.token_hex(16)}"
        digest, size = hashlib.sha256(), 0
        try:
            async with self._stores.content.writer(
                reference, expected=expected, lease=self._lease
            ) as writer:
                here = writer.offset  # containerd may have it from another namespace
                async with aclosing(joined(chunks)) as pieces:
                    async for piece in pieces:
                        fresh = piece[max(0, here - size) :]
                        digest.update(piece)
                        size += len(piece)
                        if fresh:
                            self.make_room(len(fresh))
                            await writer.write(fresh)
                found = f"sha256:{digest.hexdigest()}"
                if expected and found != expected:
                    raise InvalidParameter(
                        f"invalid archive: content of digest {expected} has digest {found}"
                    )
                known = writer.exists
                await writer.commit(size, found, {**self._own, **(labels or {})})
            if known and labels:  # it may have come from elsewhere, tied to nothing
                await self._stores.content.update_labels(found, {**self._own, **labels})
        except BaseException:
            with trio.move_on_after(_CLEAN_UP, shield=True):
                await self._abort(reference)
            raise
        return found, size

    async def has(self, digest: str) -> bool:
        """Whether this content is here; if so, the lease now holds it."""
        try:
            await self._stores.content.info(digest)
        except NotFound:
            return False
        # Opening a writer for content that is there adds it to the lease.
        async with self._stores.content.writer(
            f"trimaran-{secrets.token_hex(16)}", expected=digest, lease=self._lease
        ) as writer:
            return writer.exists

    @asynccontextmanager
    async def download(self, blob: Descriptor) -> AsyncIterator[ContentWriter]:
        """A writer that goes on where an earlier download of this blob was cut off, by whatever pull."""
        content, reference = self._stores.content, self._download_ref(blob)
        try:
            await content.status(reference)
        except NotFound:
            # Begun without a lease, what has arrived outlives this pull for a day, to be resumed.
            async with content.writer(reference, expected=blob.digest):
                pass
        async with content.writer(reference, expected=blob.digest, lease=self._lease) as writer:
            if not writer.exists:
                self.make_room(blob.size - writer.offset)
            yield writer

    async def commit_download(self, writer: ContentWriter, blob: Descriptor) -> None:
        """containerd has hashed every byte. Raises Conflict if they are not the blob's."""
        await writer.commit(blob.size, blob.digest, self._own)

    async def drop_download(self, blob: Descriptor) -> None:
        """What has arrived is of no use."""
        with trio.move_on_after(_CLEAN_UP, shield=True):
            await self._abort(self._download_ref(blob))

    def _download_ref(self, blob: Descriptor) -> str:
        return f"{download_prefix(self._own[ENGINE])}{blob.digest}"

    async def note_source(self, digest: str, name: Reference) -> None:
        """Note in which repository this blob is, so that a push to its neighbour can mount it."""
        content, key = self._stores.content, source_key(name.domain)
        before = (await content.info(digest)).labels.get(key, "")
        if (after := add_source(before, name.path)) != before:
            await content.update_labels(digest, {key: after})

    async def tie(self, tree: Tree) -> None:
        """Label the tree so that whatever keeps its target keeps all of it."""
        update = self._stores.content.update_labels
        chain = tree.chain_ids[-1] if tree.chain_ids else ""
        labels = config_labels(self._snapshotter, chain)
        await update(tree.config_descriptor.digest, {**self._own, **labels})
        labels = manifest_labels(tree.config_descriptor, tree.layers)
        await update(tree.manifest.digest, {**self._own, **labels})
        if tree.target.digest != tree.manifest.digest:
            await update(tree.target.digest, {**self._own, **index_labels(tree.manifest)})

    async def tie_variant(
        self, index: Descriptor, descriptor: Descriptor, parsed: Manifest
    ) -> None:
        """Have an index keep the manifest of a platform that is not unpacked."""
        update = self._stores.content.update_labels
        labels = manifest_labels(parsed.config, parsed.layers)
        await update(descriptor.digest, {**self._own, **labels})
        await update(index.digest, {**self._own, **index_labels(descriptor)})

    async def unpack(self, tree: Tree) -> AsyncGenerator[LayerStep, None]:
        """Make the snapshots that are missing, from the bottom up, and check each diff ID."""
        for index, layer in enumerate(tree.layers):
            diff_id = tree.config.rootfs.diff_ids[index]
            if await self.is_unpacked(tree.chain_ids[index]):
                await self.check_layer(tree, index)
            else:
                yield LayerStep(diff_id, layer.size, done=False)
                await self.unpack_layer(tree, index)
                yield LayerStep(diff_id, layer.size, done=True)

    async def unpack_layer(self, tree: Tree, index: int) -> None:
        """Make one snapshot on top of its parent's, which must be there."""
        await self._apply(index, tree, name=tree.chain_ids[index])

    async def check_layer(self, tree: Tree, index: int) -> None:
        """For a layer whose snapshot is there: that this blob, which may be new, unpacks to the same."""
        if not await self._is_known(tree.layers[index], tree.config.rootfs.diff_ids[index]):
            await self._apply(index, tree, name=None)

    async def sizes(self, tree: Tree) -> tuple[int, ...]:
        """What each layer takes on disk, in bytes."""
        return tuple([(await self._stores.snapshots.usage(each))[0] for each in tree.chain_ids])

    async def is_unpacked(self, chain: str) -> bool:
        """If it is, the lease holds it, whoever removes the image that has it."""
        held = Resource(chain, f"snapshots/{self._snapshotter}")
        await self._stores.leases.add_resource(self._lease, held)
        try:
            await self._stores.snapshots.stat(chain)
        except NotFound:
            return False
        return True

    async def _is_known(self, layer: Descriptor, diff_id: str) -> bool:
        """Whether somebody has checked that this blob holds this layer."""
        if layer.digest == diff_id:
            return True
        info = await self._stores.content.info(layer.digest)
        return info.labels.get(UNCOMPRESSED) == diff_id

    async def _apply(self, index: int, tree: Tree, *, name: str | None) -> None:
        """Unpack onto a snapshot of our own and commit it; without a name, only check."""
        layer, diff_id = tree.layers[index], tree.config.rootfs.diff_ids[index]
        self.make_room(layer.size)
        parent = tree.chain_ids[index - 1] if index else ""
        snapshots = self._stores.snapshots
        key = f"trimaran-extract-{secrets.token_hex(8)} {diff_id}"
        mounts = await snapshots.prepare(key, parent, labels=self._own, lease=self._lease)
        try:
            applied = await self._unpacked(layer, mounts)
            if applied.digest != diff_id:
                raise InvalidParameter(
                    f'invalid diffID for layer {index}: expected "{diff_id}", got "{applied.digest}"'
                )
            if layer.digest != diff_id:
                labels = {**self._own, UNCOMPRESSED: diff_id}
                await self._stores.content.update_labels(layer.digest, labels)
            if name is not None:
                await self._commit(name, key)
        finally:
            with trio.move_on_after(_CLEAN_UP, shield=True):
                await self._discard(key)

    async def _unpacked(self, layer: Descriptor, mounts: Sequence[Any]) -> DescriptorLike:
        """The disk is watched meanwhile: a few bytes of archive may unpack to more than it has."""
        async with together() as nursery:
            nursery.start_soon(self._watch_the_disk)
            applied = await self._stores.diff.apply(layer, mounts, lease=self._lease)
            nursery.cancel_scope.cancel()
        return applied

    async def _watch_the_disk(self) -> None:
        while self._reserve is not None:
            await trio.sleep(_LOOK)
            self.make_room(0)

    async def _commit(self, name: str, key: str) -> None:
        try:
            await self._stores.snapshots.commit(name, key, labels=self._own, lease=self._lease)
        except Conflict:
            # Somebody else has unpacked the same layer meanwhile; theirs is as good.
            await self._stores.snapshots.stat(name)

    async def _discard(self, key: str) -> None:
        with suppress(EngineError):  # committed, or left to the lease's end
            await self._stores.snapshots.remove(key)

    async def _abort(self, reference: str) -> None:
        with suppress(EngineError):  # never begun, or left to the lease's end
            await self._stores.content.abort(reference)


async def _once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def joined(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Joined up to what one write takes. What came before an error is not lost."""
    held: list[bytes] = []
    size = 0
    try:
        async for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size >= _PIECE:
                yield b"".join(held)
                held.clear()
                size = 0
    except EngineError:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)
