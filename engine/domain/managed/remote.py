"""Plugins from and to registries: privileges, pull, upgrade, push, told as dockerd tells it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
import trio

from engine.domain.images.facade import Artifact, Artifacts, Descriptor, Outbox, Report, reported
from engine.domain.managed import config as configs
from engine.domain.managed.book import Book, event
from engine.domain.managed.config import Config, Privilege
from engine.domain.managed.records import (
    CONFIG_TYPE,
    Package,
    PluginRecord,
    wanted,
)
from engine.domain.names.references import (
    Reference,
    familiar,
    familiar_name,
    parse_normalized,
)
from engine.errors import Conflict, DeadlineExceeded, InvalidParameter, prefixed
from engine.models.registry import AuthConfig

ENTRY = 120.0
"""Seconds for unpacking a layer and entering the plugin, which a client that leaves does not cut off."""

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Enter = Callable[[Package, Config, Report], Awaitable[None]]


class Remote:
    def __init__(self, book: Book, artifacts: Artifacts) -> None:
        self._book = book
        self._artifacts = artifacts

    async def privileges(self, remote: str, auth: AuthConfig) -> list[dict[str, object]]:
        """What a plugin there asks for."""
        reference = parse_normalized(remote).with_default_tag()
        async with self._artifacts.source(reference, auth) as source:
            found = await source.look()
        return configs.privileges(configs.read_config(found.config_data))

    def pull(
        self, remote: str, name: str, granted: Sequence[Privilege], auth: AuthConfig
    ) -> tuple[str, AbstractAsyncContextManager[Outbox]]:
        """The name that it gets, and the work."""
        reference, local = wanted(remote, name)
        self._check_free(local)

        async def enter(package: Package, config: Config, report: Report) -> None:
            record = PluginRecord(
                id=secrets.token_hex(32),
                name=local,
                created_ns=time.time_ns(),
                config=config,
                settings=configs.default_settings(config),
                package=package,
                reference=familiar(reference),
            )

            async def work() -> None:
                self._check_free(local)
                await self._install(record, report)

            await self._book.do(local, work)

        return local, reported(lambda report: self._bring(reference, granted, auth, report, enter))

    def upgrade(
        self, name: str, remote: str, granted: Sequence[Privilege], auth: AuthConfig
    ) -> tuple[str, AbstractAsyncContextManager[Outbox]]:
        """The plugin's name, and the work. NotFound; Conflict for one that is enabled."""
        record = self._book.find(name)
        _check_disabled(record)
        reference, _ = wanted(remote, record.name)

        async def enter(package: Package, config: Config, report: Report) -> None:
            async def work(now: PluginRecord) -> None:
                _check_disabled(now)
                fresh = msgspec.structs.replace(
                    now,
                    config=config,
                    settings=configs.carried(config, now.settings),
                    package=package,
                    reference=familiar(reference),
                    generation=now.generation + 1,
                )
                await self._install(fresh, report)

            await self._book.change(record.id, work)

        return record.name, reported(
            lambda report: self._bring(reference, granted, auth, report, enter)
        )

    def push(self, name: str, auth: AuthConfig) -> AbstractAsyncContextManager[Outbox]:
        record = self._book.find(name)
        package = record.package
        data = package.manifest_data()
        artifact = Artifact(
            manifest=Descriptor(_media_type(data), _digest(data), len(data)),
            manifest_data=data,
            config=Descriptor(CONFIG_TYPE, package.config_digest, package.config_size),
            layer=Descriptor(package.layer_type, package.layer_digest, package.layer_size),
        )

        async def work(report: Report) -> None:
            reference = parse_normalized(record.name)
            async with self._book.household.claim(package):
                with prefixed("error pushing plugin: "):
                    await self._artifacts.push(reference, artifact, auth, report)

        return reported(work)

    async def _bring(
        self,
        reference: Reference,
        granted: Sequence[Privilege],
        auth: AuthConfig,
        report: Report,
        enter: Enter,
    ) -> None:
        """Nothing of the layer is fetched before the privileges are found to be those agreed to."""
        async with self._artifacts.source(reference, auth) as source:
            found = await source.look()
            shown = familiar(reference) if reference.digest else reference.tag
            report({"status": f"Pulling from {familiar_name(reference)}", "id": shown})
            report({"status": f"Digest: {found.manifest.digest}"})
            config = configs.read_config(found.config_data)
            package = _package(found, configs.diff_id_of(config))
            configs.check_privileges(config, granted)

            async def use() -> None:
                # A client that leaves now must not take the lease away before the record is there.
                with trio.move_on_after(ENTRY, shield=True):
                    await enter(package, config, report)
                    return
                raise DeadlineExceeded("the plugin could not be entered in time")

            async with self._book.household.claim(package):
                await source.bring(found, report, use)

    async def _install(self, record: PluginRecord, report: Report) -> None:
        await self._book.install(record, event("pull", record, record.reference), report)

    def _check_free(self, name: str) -> None:
        try:
            self._book.check_free(name)
        except Conflict as error:
            raise InvalidParameter(str(error)) from None  # as on dockerd, other than in `create`


def _check_disabled(record: PluginRecord) -> None:
    if record.enabled:
        raise Conflict(f"plugin must be disabled before upgrading: plugin {record.name} is enabled")


def _package(found: Artifact, diff_id: str) -> Package:
    return Package(
        config_digest=found.config.digest,
        config_size=found.config.size,
        layer_digest=found.layer.digest,
        layer_size=found.layer.size,
        diff_id=diff_id,
        layer_type=found.layer.media_type,
        manifest=found.manifest_data.decode(),
    )


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _media_type(data: bytes) -> str:
    """One without is OCI's."""
    return str(msgspec.json.decode(data).get("mediaType") or OCI_MANIFEST)
