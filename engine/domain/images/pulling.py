"""Pulling: from a reference to an image that is here, told as dockerd tells it."""

from __future__ import annotations

import itertools
from contextlib import aclosing

import msgspec
import trio

from engine.domain.images.config import digest_of
from engine.domain.images.downloads import Downloads
from engine.domain.images.importing import parse_platform
from engine.domain.images.ingest import Ingest, joined
from engine.domain.images.manifests import (
    Platform,
    is_index,
    kind_of,
    parse_index,
    parse_manifest,
    pick_platform,
)
from engine.domain.images.naming import key_of
from engine.domain.images.outbox import Report
from engine.domain.images.ports import Descriptor
from engine.domain.images.progress import elapsed, layer_bar, layer_status, status
from engine.domain.images.registries import Interrupted, Refused, Registries, Repository
from engine.domain.images.store import Store
from engine.domain.images.together import together
from engine.domain.images.transfers import Transfers
from engine.domain.images.tree import CONFIG_LIMIT, DEPTH, MANIFEST_LIMIT, Tree, read_tree
from engine.domain.images.turns import Turns
from engine.domain.names.references import Reference, familiar, familiar_name
from engine.errors import EngineError, InvalidParameter, NotFound, SystemFailure
from engine.models.registry import AuthConfig

__all__ = ["Puller", "pull_error"]

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
PLUGIN = "application/vnd.docker.plugin.v1+json"
CONFIG_ATTEMPTS = 3
CONFIG_PAUSE = 2.0


class Puller:
    def __init__(
        self, store: Store, transfers: Transfers, registries: Registries, downloads: Downloads
    ) -> None:
        self._store = store
        self._transfers = transfers
        self._registries = registries
        self._downloads = downloads
        self._unpacking = Turns()

    async def pull(
        self,
        reference: Reference,
        *,
        credentials: AuthConfig,
        platform: str,
        report: Report,
    ) -> None:
        """A tag or a digest, or with neither all tags of the repository.

        Raises NotFound for what the registry does not have or show, Refused, Interrupted.
        """
        wanted = parse_platform(platform, self._store.platform)
        try:
            async with self._registries.repository(reference, credentials) as repository:
                await self._pull(reference, repository, wanted, report)
        except Refused as error:
            raise pull_error(error, reference) from error

    async def _pull(
        self, reference: Reference, repository: Repository, platform: Platform, report: Report
    ) -> None:
        whole = reference.tag is None and reference.digest is None
        tags = await repository.tags() if whole else []
        references = [reference.with_tag(each) for each in tags] if whole else [reference]
        newer = False
        for each in references:
            newer |= await _One(self, each, repository, platform, report).run()
        result = "Downloaded newer image" if newer else "Image is up to date"
        report(status(f"Status: {result} for {familiar(reference)}"))

    async def bring(
        self, blob: Descriptor, repository: Repository, ingest: Ingest, report: Report
    ) -> None:
        await self._downloads.fetch(blob, repository, ingest, report)

    async def unpack(self, tree: Tree, index: int, ingest: Ingest, report: Report) -> None:
        """Make one layer's snapshot unless it is there; one at a time, whoever pulls it."""
        async with self._unpacking.turn(tree.chain_ids[index], report) as tell:
            if await ingest.is_unpacked(tree.chain_ids[index]):
                await ingest.check_layer(tree, index)
                return
            layer = tree.layers[index]
            async with together() as nursery:
                nursery.start_soon(_tick, layer, tell)
                try:
                    await ingest.unpack_layer(tree, index)
                except InvalidParameter:
                    raise
                except EngineError as error:
                    raise SystemFailure(f"failed to register layer: {error}") from error
                nursery.cancel_scope.cancel()
            tell(layer_bar(layer.digest, "Extracting", layer.size, layer.size))

    @property
    def store(self) -> Store:
        return self._store

    @property
    def transfers(self) -> Transfers:
        return self._transfers


class _One(msgspec.Struct):
    """The pull of one tag or digest."""

    puller: Puller
    reference: Reference
    repository: Repository
    platform: Platform
    report: Report

    async def run(self) -> bool:
        """Whether the name stands for another image than before."""
        transfers, reference = self.puller.transfers, self.reference
        async with transfers.ingest() as ingest:
            target, data = await self._target(ingest)
            self._begin()
            await self._manifests(ingest, target, data)
            tree = await read_tree(self.puller.store.stores.content, target, self.platform)
            _check_system(tree)
            await self._layers(ingest, tree)
            before = self.puller.store.catalogue.records.get(key_of(reference))
            names = [reference.with_digest(target.digest)]
            if not reference.digest:
                names.insert(0, reference)
            await transfers.enter(ingest, tree, names, action="pull")
            for each in (*tree.layers, tree.config_descriptor, tree.manifest):
                await ingest.note_source(each.digest, reference)
        self.report(status(f"Digest: {target.digest}"))
        return before is None or before.image_id != tree.image_id

    def _begin(self) -> None:
        reference = self.reference
        shown = familiar(reference) if reference.digest else reference.tag
        self.report({"status": f"Pulling from {reference.path}", "id": shown})
        if self.repository.mirror:
            self.report(status(f"Mirror: {self.repository.mirror}"))

    async def _target(self, ingest: Ingest) -> tuple[Descriptor, bytes]:
        """What the reference stands for; asked without the content first, which may be here."""
        wanted = self.reference.digest or self.reference.tag or ""
        found = await self._resolve(wanted)
        if found is not None and await ingest.has(found.digest):
            data = await self._stored(found.digest, MANIFEST_LIMIT)
            return Descriptor(kind_of(found.media_type, data), found.digest, len(data)), data
        return await self._fetch(wanted)

    async def _resolve(self, wanted: str) -> Descriptor | None:
        try:
            return await self.repository.resolve(wanted)
        except Refused as error:
            # An answer to HEAD has no body that would say why.
            if error.status in (401, 403, 404, 405):
                return None
            raise

    async def _fetch(self, wanted: str) -> tuple[Descriptor, bytes]:
        fetched = await self.repository.manifest(wanted)
        if fetched.media_type.startswith(SCHEMA_1):
            raise InvalidParameter(
                f"{familiar(self.reference)} is an image of the manifest schema 1, "
                "which is not supported any more: push it again with a newer docker"
            )
        media_type = kind_of(fetched.media_type, fetched.data)
        return Descriptor(media_type, fetched.digest, len(fetched.data)), fetched.data

    async def _manifests(self, ingest: Ingest, target: Descriptor, data: bytes) -> None:
        """Store what stands between the reference and the layers, byte for byte."""
        descriptor = target
        await ingest.put(data, descriptor.media_type)
        for _ in range(DEPTH):
            if not is_index(descriptor):
                break
            descriptor = pick_platform(parse_index(data), self.platform)
            data = await self._manifest(ingest, descriptor)
        await self._config(ingest, parse_manifest(data).config)

    async def _manifest(self, ingest: Ingest, descriptor: Descriptor) -> bytes:
        if await ingest.has(descriptor.digest):
            return await self._stored(descriptor.digest, MANIFEST_LIMIT)
        _, data = await self._fetch(descriptor.digest)
        await ingest.put(data, descriptor.media_type)
        return data

    async def _config(self, ingest: Ingest, config: Descriptor) -> None:
        if config.media_type == PLUGIN:
            raise InvalidParameter(f'Encountered remote "{PLUGIN}"(plugin) when fetching')
        if await ingest.has(config.digest):
            return
        if config.size > CONFIG_LIMIT:
            raise InvalidParameter(
                f"image config {config.digest} is longer than {CONFIG_LIMIT} bytes"
            )
        for attempt in range(1, CONFIG_ATTEMPTS + 1):
            try:
                data = await self._small_blob(config)
                break
            except Interrupted as error:
                if attempt == CONFIG_ATTEMPTS:
                    raise SystemFailure(f"error pulling image configuration: {error}") from error
                await trio.sleep(error.retry_after or attempt * CONFIG_PAUSE)
        if digest_of(data) != config.digest:
            raise SystemFailure(f"image config verification failed for digest {config.digest}")
        await ingest.put(data, config.media_type)

    async def _small_blob(self, blob: Descriptor) -> bytes:
        found = bytearray()
        async with self.repository.blob(blob) as chunks, aclosing(joined(chunks)) as pieces:
            async for piece in pieces:
                found += piece
                if len(found) > blob.size:
                    break
        if len(found) < blob.size:
            raise Interrupted("unexpected EOF")
        return bytes(found)

    async def _stored(self, digest: str, limit: int) -> bytes:
        return await self.puller.store.stores.content.read_all(digest, limit)

    async def _layers(self, ingest: Ingest, tree: Tree) -> None:
        """Download what is missing side by side, and unpack each layer once those below it are."""
        missing = await self._missing(ingest, tree)
        for index in missing:
            self.report(layer_status(tree.layers[index].digest, "Pulling fs layer"))
        arrived = {tree.layers[index].digest: trio.Event() for index in missing}
        async with together() as nursery:
            for digest, event in arrived.items():
                layer = next(each for each in tree.layers if each.digest == digest)
                nursery.start_soon(self._bring, layer, ingest, event)
            for index in missing:
                digest = tree.layers[index].digest
                await arrived[digest].wait()
                await self.puller.unpack(tree, index, ingest, self.report)
                self.report(layer_status(digest, "Pull complete"))

    async def _bring(self, layer: Descriptor, ingest: Ingest, arrived: trio.Event) -> None:
        await self.puller.bring(layer, self.repository, ingest, self.report)
        arrived.set()

    async def _missing(self, ingest: Ingest, tree: Tree) -> list[int]:
        missing = []
        for index, layer in enumerate(tree.layers):
            if await ingest.is_unpacked(tree.chain_ids[index]) and await ingest.has(layer.digest):
                await ingest.check_layer(tree, index)
                self.report(layer_status(layer.digest, "Already exists"))
            else:
                missing.append(index)
        return missing


def pull_error(error: Refused, reference: Reference) -> EngineError:
    """As dockerd's translatePullError: what is not there, or not shown, is a NotFound."""
    match error.code:
        case "DENIED":
            return NotFound(
                f"pull access denied for {familiar_name(reference)}, repository does not exist "
                f"or may require 'docker login': {error}"
            )
        case "MANIFEST_UNKNOWN":
            return NotFound(f"manifest for {familiar(reference)} not found: {error}")
        case "NAME_UNKNOWN":
            return NotFound(f"repository {familiar_name(reference)} not found: {error}")
    return error


def _check_system(tree: Tree) -> None:
    if tree.config.os not in ("", "linux"):
        raise InvalidParameter(
            f'image operating system "{tree.config.os}" cannot be used on this platform'
        )


async def _tick(layer: Descriptor, report: Report) -> None:
    """containerd does not say how far it is: show at least that time goes on."""
    report(layer_bar(layer.digest, "Extracting", 0, layer.size))
    for seconds in itertools.count(1):
        await trio.sleep(1)
        report(elapsed(layer.digest, "Extracting", seconds))
