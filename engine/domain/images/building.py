"""Images made step by step: each step's config on its parent's, with a layer of its own or without.

One lease holds all of a build until the images that it makes hold themselves. A layer is written once:
what a step has put into its snapshot stays there, and only its tar goes into the content store.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import msgspec
import trio
from msgspec.structs import replace

from engine.domain.images.catalogue import Image
from engine.domain.images.committing import EMPTY_LAYER
from engine.domain.images.config import History, ImageConfig, RootFS, chain_ids, parse_config
from engine.domain.images.ingest import Ingest
from engine.domain.images.labels import ENGINE, config_labels, manifest_labels
from engine.domain.images.manifests import CONFIG, LAYER, MANIFEST, make_manifest
from engine.domain.images.messages import Adopt, Message, Replace
from engine.domain.images.ports import Descriptor, DescriptorLike, Resource
from engine.domain.images.store import Store
from engine.domain.images.times import rfc3339
from engine.errors import Conflict, DeadlineExceeded, EngineError
from engine.models.containers import ContainerConfig
from supervisors import Mailbox

__all__ = ["Space", "Step", "Workbench"]

_ENTRY = 60.0
_CLEAN_UP = 10.0


class Step(msgspec.Struct, frozen=True):
    """What becomes of the parent: the image's `config`, and what it was made with and in."""

    config: ContainerConfig
    container_config: ContainerConfig
    container: str = ""
    author: str = ""
    comment: str = ""
    engine_version: str = ""

    @property
    def created_by(self) -> str:
        return " ".join(self.container_config.cmd or ())


class Space(msgspec.Struct, frozen=True):
    """A snapshot to write to, or (`view`) to read; `mounts` are containerd's."""

    key: str
    mounts: Sequence[Any]


class Workbench:
    """What a build has of the images room. Everything made is held until the build ends."""

    def __init__(
        self,
        store: Store,
        ingest: Ingest,
        mailbox: Mailbox[Message],
        *,
        snapshotter: str,
        lease: str,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._stores = store.stores
        self._ingest = ingest
        self._mailbox = mailbox
        self._snapshotter = snapshotter
        self._lease = lease
        self._now_ns = now_ns
        self._own = {ENGINE: store.engine_id}
        self._held: set[str] = set()

    async def hold(self, image: Image) -> None:
        """Keep an image that others may remove meanwhile. What a step is made on is held by itself."""
        if image.id in self._held:
            return
        leases = self._stores.leases
        await leases.add_resource(self._lease, Resource(image.manifest.digest, "content"))
        if image.chain_id:
            kind = f"snapshots/{self._snapshotter}"
            await leases.add_resource(self._lease, Resource(image.chain_id, kind))
        self._held.add(image.id)

    @asynccontextmanager
    async def space(self, parent: Image | None) -> AsyncIterator[Space]:
        """To write a step's layer to; what no `derive` has taken is removed."""
        async with self._made(parent, "prepare") as found:
            yield found

    @asynccontextmanager
    async def view(self, image: Image) -> AsyncIterator[Space]:
        """An image's root, to be read."""
        async with self._made(image, "view") as found:
            yield found

    @asynccontextmanager
    async def _made(self, parent: Image | None, how: str) -> AsyncIterator[Space]:
        snapshots = self._stores.snapshots
        make = snapshots.view if how == "view" else snapshots.prepare
        key = f"trimaran-build-{secrets.token_hex(8)}"
        chain = parent.chain_id if parent else ""
        if parent is not None:
            await self.hold(parent)
        mounts = await make(key, chain, labels=self._own, lease=self._lease)
        try:
            yield Space(key, mounts)
        finally:
            with trio.move_on_after(_CLEAN_UP, shield=True), suppress(EngineError):
                await snapshots.remove(key)  # committed, or left to the lease's end

    async def derive(
        self,
        parent: Image | None,
        step: Step,
        layer: tuple[Space, AsyncGenerator[bytes, None]] | None = None,
    ) -> Image:
        """The step's image, entered without a name. `layer` is a space and the tar of what is in it."""
        if parent is not None:
            await self.hold(parent)
        before = parent.config if parent else self._nothing()
        layers, sizes = (parent.layers, parent.layer_sizes) if parent else ((), ())
        empty = True
        if layer is not None:
            space, chunks = layer
            async with aclosing(chunks):
                diff_id, size = await self._ingest.put_stream(chunks)
            empty = diff_id == EMPTY_LAYER
            if not empty:
                before = _taller(before, diff_id)
                chain = chain_ids(before.rootfs.diff_ids)[-1]
                await self._commit(chain, space.key)
                layers = (*layers, Descriptor(LAYER, diff_id, size))
                sizes = (*sizes, (await self._stores.snapshots.usage(chain))[0])
        document = self._document(before, step, empty=empty)
        return await self._enter(document, layers, sizes, parent.id if parent else "")

    async def flatten(self, base: Image | None, image: Image, comment: str) -> Image:
        """`image` with all its layers above those of `base` made one. Its history stays, with a line more."""
        below = base.config if base else self._nothing()
        layers, sizes = (base.layers, base.layer_sizes) if base else ((), ())
        taller, empty = below, True
        async with self.space(base) as space:
            layer = await self._difference(base, image)
            if layer.digest != EMPTY_LAYER:
                empty = False
                await self._stores.diff.apply(layer, space.mounts, lease=self._lease)
                taller = _taller(below, layer.digest)
                chain = chain_ids(taller.rootfs.diff_ids)[-1]
                await self._commit(chain, space.key)
                layers = (*layers, Descriptor(LAYER, layer.digest, layer.size))
                sizes = (*sizes, (await self._stores.snapshots.usage(chain))[0])
        created = rfc3339(self._now_ns())
        kept = len(below.history)
        above = image.config.history[kept:]
        history = [
            *below.history,
            *(replace(each, empty_layer=True) for each in above),
            History(created=created, comment=comment, empty_layer=empty),
        ]
        squashed = replace(image.config, created=created, rootfs=taller.rootfs, history=history)
        return await self._enter(_plain(squashed), layers, sizes, "")

    async def _difference(self, base: Image | None, image: Image) -> DescriptorLike:
        """What the image has above its base, in the content store as one layer's tar."""
        async with self._made(base, "view") as lower, self._made(image, "view") as upper:
            return await self._stores.diff.diff(
                lower.mounts, upper.mounts, LAYER, lease=self._lease
            )

    async def restore(self, parent: Image | None, target: Image, config: ContainerConfig) -> Image:
        """The image that `target` was made from, one step above `parent`: what --cache-from finds."""
        before = parent.config if parent else self._nothing()
        index = len(before.history)
        line = target.config.history[index]
        layers, sizes = (parent.layers, parent.layer_sizes) if parent else ((), ())
        if not line.empty_layer:
            at = len(layers)
            before = _taller(before, target.config.rootfs.diff_ids[at])
            layers = (*layers, target.layers[at])
            sizes = (*sizes, target.layer_sizes[at])
        document = {
            "architecture": target.config.architecture,
            "author": target.config.author,
            "config": config,
            "created": line.created,
            "history": [_line(each) for each in (*before.history, line)],
            "os": target.config.os,
            "rootfs": before.rootfs,
        }
        return await self._enter(document, layers, sizes, parent.id if parent else "")

    async def adopt(self, image: Image, parent: Image) -> None:
        """Let an image that was found by its history be the parent's child from now on."""
        await self._mailbox.ask(Replace(replace(image, parent=parent.id)))

    def _nothing(self) -> ImageConfig:
        """What `FROM scratch` begins with."""
        platform = self._store.platform
        return ImageConfig(
            architecture=platform.architecture, os=platform.os, variant=platform.variant
        )

    async def _commit(self, chain: str, key: str) -> None:
        snapshots = self._stores.snapshots
        try:
            await snapshots.commit(chain, key, labels=self._own, lease=self._lease)
        except Conflict:  # the same layer on the same parent is here already
            held = Resource(chain, f"snapshots/{self._snapshotter}")
            await self._stores.leases.add_resource(self._lease, held)
            await snapshots.stat(chain)

    def _document(self, before: ImageConfig, step: Step, *, empty: bool) -> dict[str, Any]:
        created = rfc3339(self._now_ns())
        line = History(
            created=created,
            created_by=step.created_by,
            author=step.author,
            comment=step.comment,
            empty_layer=empty,
        )
        return {
            "architecture": before.architecture,
            "author": step.author,
            "comment": step.comment,
            "config": step.config,
            "container": step.container,
            "container_config": step.container_config,
            "created": created,
            "docker_version": step.engine_version,
            "history": [_line(each) for each in (*before.history, line)],
            "os": before.os,
            "os.version": before.os_version,
            "rootfs": before.rootfs,
            "variant": before.variant,
        }

    async def _enter(
        self,
        document: Mapping[str, Any],
        layers: Sequence[Descriptor],
        sizes: Sequence[int],
        parent: str,
    ) -> Image:
        encoded = msgspec.json.encode({name: value for name, value in document.items() if value})
        config = parse_config(encoded)
        chains = chain_ids(config.rootfs.diff_ids)
        labels = config_labels(self._snapshotter, chains[-1] if chains else "")
        stored = await self._ingest.put(encoded, CONFIG, labels)
        tied = manifest_labels(stored, layers)
        manifest = await self._ingest.put(make_manifest(stored, layers), MANIFEST, tied)
        image = Image(
            id=stored.digest,
            config=config,
            target=manifest,
            manifest=manifest,
            config_descriptor=stored,
            layers=tuple(layers),
            chain_ids=chains,
            layer_sizes=tuple(sizes),
            parent=parent,
        )
        # Shielded: a client that leaves now must not take the lease away before the record is there.
        with trio.move_on_after(_ENTRY, shield=True):
            await self._mailbox.ask(Adopt(image, ()))
            self._held.add(image.id)  # it was made under the lease
            return self._store.catalogue.images[image.id]
        raise DeadlineExceeded("the image could not be entered in time")


def _taller(before: ImageConfig, diff_id: str) -> ImageConfig:
    rootfs = RootFS(diff_ids=[*before.rootfs.diff_ids, diff_id])
    return replace(before, rootfs=rootfs)


def _line(line: History) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(line).items() if value}


def _plain(config: ImageConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in msgspec.structs.fields(config):
        value = getattr(config, each.name)
        found[each.encode_name] = (
            [_line(line) for line in value] if each.name == "history" else value
        )
    return found
