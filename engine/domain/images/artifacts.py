"""What registries have beside images: a manifest with a configuration of its own kind, and one layer.

The content goes into stores of its own (another namespace of containerd's), by the same downloads and uploads.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import msgspec
import trio

from engine.domain.images.config import digest_of
from engine.domain.images.downloads import Downloads
from engine.domain.images.ingest import Ingest, joined
from engine.domain.images.labels import download_prefix
from engine.domain.images.leases import LeaseKeeper
from engine.domain.images.manifests import is_index, kind_of, parse_manifest
from engine.domain.images.outbox import Report
from engine.domain.images.ports import Descriptor, Reserve, Stores
from engine.domain.images.progress import aux, layer_bar, layer_status, status
from engine.domain.images.pulling import pull_error
from engine.domain.images.registries import (
    NO_CREDENTIALS,
    Fetched,
    Interrupted,
    Refused,
    Registries,
    Repository,
)
from engine.domain.images.remote import TransferLimits
from engine.domain.images.tree import CONFIG_LIMIT
from engine.domain.names.references import Reference, familiar, familiar_name
from engine.errors import InvalidParameter, NotFound, SystemFailure, prefixed
from engine.models.registry import AuthConfig

__all__ = ["Artifact", "Artifacts", "Source"]

BAR_INTERVAL = 0.1


class Artifact(msgspec.Struct, frozen=True):
    """`manifest_data` is byte for byte the registry's, `config_data` is empty where only the store has it."""

    manifest: Descriptor
    manifest_data: bytes
    config: Descriptor
    layer: Descriptor
    config_data: bytes = b""


class Artifacts:
    """Of one kind: `kind` is the media type of the configuration, `noun` what its users call it."""

    def __init__(
        self,
        stores: Stores,
        registries: Registries,
        *,
        engine_id: str,
        kind: str,
        noun: str,
        limits: TransferLimits,
        reserve: Reserve | None = None,
    ) -> None:
        self.stores = stores
        self.kind = kind
        self.noun = noun
        self.downloads = Downloads(limit=limits.downloads or math.inf, attempts=limits.attempts)
        self._registries = registries
        self._engine_id = engine_id
        self._reserve = reserve
        self._leases = LeaseKeeper(stores.leases, engine_id)

    def limit(self, limits: TransferLimits) -> None:
        self.downloads.limiter.total_tokens = limits.downloads or math.inf
        self.downloads.attempts = limits.attempts

    @asynccontextmanager
    async def source(self, reference: Reference, auth: AuthConfig) -> AsyncIterator[Source]:
        """A registry's answer to a tag or digest. NotFound for what it does not have or show, Refused, Interrupted."""
        try:
            async with self._registries.repository(reference, auth) as repository:
                yield Source(self, reference, repository)
        except Refused as error:
            raise pull_error(error, reference) from error

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[Ingest]:
        async with self._leases.lease() as lease:
            yield Ingest(
                self.stores,
                engine_id=self._engine_id,
                snapshotter="",
                lease=lease,
                reserve=self._reserve,
            )

    async def sweep(self, idle: float, now: float) -> None:
        """Drop leases of an earlier life, and downloads without a byte for `idle` seconds; `now` since the epoch."""
        await self._leases.drop_left_over()
        prefix = download_prefix(self._engine_id)
        for each in await self.stores.content.statuses():
            if each.ref.startswith(prefix) and now - each.updated_at >= idle:
                with suppress(NotFound):
                    await self.stores.content.abort(each.ref)

    async def push(
        self, reference: Reference, artifact: Artifact, auth: AuthConfig, report: Report
    ) -> None:
        """Blobs first, then the manifest under the reference's tag. Refused, Interrupted."""
        report(status(f"The push refers to repository [{familiar_name(reference)}]"))
        parts = (artifact.manifest, artifact.layer, artifact.config)
        for each in parts:
            report(layer_status(each.digest, "Preparing"))
        try:
            async with self._registries.repository(reference, auth, push=True) as repository:
                for blob in parts[1:]:
                    await self._upload(blob, repository, report)
                tag = reference.tag or ""
                data = artifact.manifest_data
                await repository.put_manifest(tag, artifact.manifest, data)
        except Refused as error:
            if error.code == NO_CREDENTIALS:
                raise Refused("no basic auth credentials", code=error.code) from error
            raise
        digest, size = artifact.manifest.digest, artifact.manifest.size
        report(layer_status(digest, "Upload complete"))
        report(status(f"{tag}: digest: {digest} size: {size}"))
        report(aux({"Tag": tag, "Digest": digest, "Size": size}))

    async def _upload(self, blob: Descriptor, repository: Repository, report: Report) -> None:
        if await repository.has_blob(blob.digest):
            report(layer_status(blob.digest, "Layer already exists"))
            return
        told = -math.inf

        def progress(current: int) -> None:
            nonlocal told
            now = trio.current_time()
            if now - told >= BAR_INTERVAL or current == blob.size:
                told = now
                report(layer_bar(blob.digest, "Pushing", current, blob.size))

        def content(offset: int) -> AsyncIterator[bytes]:
            return self.stores.content.read(blob.digest, offset)

        await repository.upload(blob, content, progress)
        report(layer_status(blob.digest, "Upload complete"))


class Source:
    """One reference in its repository."""

    def __init__(self, artifacts: Artifacts, reference: Reference, repository: Repository) -> None:
        self._artifacts = artifacts
        self._reference = reference
        self._repository = repository

    async def look(self) -> Artifact:
        """The manifest and the configuration; InvalidParameter for what is of another kind."""
        with prefixed(f"error resolving {self._artifacts.noun} reference: "):
            fetched = await self._fetched()
        descriptor = msgspec.structs.replace(
            fetched.descriptor, media_type=kind_of(fetched.media_type, fetched.data)
        )
        if is_index(descriptor):
            raise self._other_kind()
        manifest = parse_manifest(fetched.data)
        if manifest.config.media_type != self._artifacts.kind:
            raise self._other_kind()
        if len(manifest.layers) != 1:
            raise InvalidParameter(
                f"{familiar(self._reference)} has {len(manifest.layers)} layers: only a "
                f"{self._artifacts.noun} with one can be used"
            )
        data = await self._config(manifest.config)
        return Artifact(descriptor, fetched.data, manifest.config, manifest.layers[0], data)

    async def bring(
        self, artifact: Artifact, report: Report, use: Callable[[], Awaitable[None]]
    ) -> None:
        """Have both blobs in the store while `use` runs; what it does not tie to something goes afterwards."""
        async with self._artifacts.ingest() as ingest:
            if await ingest.has(artifact.layer.digest):
                report(layer_status(artifact.layer.digest, "Already exists"))
            else:
                report(layer_status(artifact.layer.digest, "Pulling fs layer"))
                downloads = self._artifacts.downloads
                await downloads.fetch(artifact.layer, self._repository, ingest, report)
            await ingest.put(artifact.config_data, artifact.config.media_type)
            await use()

    async def _fetched(self) -> Fetched:
        try:
            wanted = self._reference.digest or self._reference.tag or ""
            return await self._repository.manifest(wanted)
        except Refused as error:
            raise pull_error(error, self._reference) from error

    async def _config(self, config: Descriptor) -> bytes:
        if config.size > CONFIG_LIMIT:
            raise InvalidParameter(f"config {config.digest} is longer than {CONFIG_LIMIT} bytes")
        found = bytearray()
        async with (
            self._repository.blob(config) as chunks,
            aclosing(joined(chunks)) as pieces,
        ):
            async for piece in pieces:
                found += piece
                if len(found) > config.size:
                    break
        if len(found) < config.size:
            raise Interrupted("unexpected EOF")
        if digest_of(bytes(found)) != config.digest:
            raise SystemFailure(f"config verification failed for digest {config.digest}")
        return bytes(found)

    def _other_kind(self) -> InvalidParameter:
        noun, name = self._artifacts.noun, familiar(self._reference)
        return InvalidParameter(f"did not find {noun} config for specified reference {name}")
