"""The storage room: its settings, and what the other rooms tell it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from config.schema import Settings
from engine.adapters.containerd.client import Containerd
from engine.adapters.host.identity import Choices
from engine.adapters.storage.disk import HostStorage
from engine.adapters.storage.reserve import DiskReserve
from engine.domain.containers.facade import Containers
from engine.domain.containers.service import Nursery
from engine.domain.events.facade import Journal
from engine.domain.images.facade import Images, ImageUser
from engine.domain.storage.facade import Storage, StorageSettings
from engine.domain.volumes.facade import Volumes


def storage_settings(settings: Settings, choices: Choices) -> StorageSettings:
    found = settings.storage_collection
    return StorageSettings(
        engine_id=choices.engine_id,
        embedded=not choices.containerd,
        grace=found.grace,
        interval=found.interval,
        high=found.high,
        low=found.low,
        keep=found.keep,
        min_age=found.min_age,
        dry_run=found.dry_run,
        reserve=found.reserve,
    )


def disk_reserve(settings: Settings) -> DiskReserve:
    return DiskReserve(Path(settings.data_root), settings.storage_collection.reserve)


def image_users(containers: Containers, image_id: str) -> list[ImageUser]:
    return [ImageUser(id_, running) for id_, running in containers.users_of_image(image_id)]


def storage_room(
    place: tuple[Settings, Choices, Path],
    containerd: Containerd,
    journal: Journal,
    rooms: tuple[Images, Volumes, Containers],
    nursery: Nursery,
) -> Storage:
    settings, choices, data_root = place
    images, volumes, containers = rooms
    return Storage(
        storage_settings(settings, choices),
        HostStorage(data_root),
        containerd,
        images,
        users=partial(image_users, containers),
        containers=containers.ids,
        volumes=volumes.names,
        brooms=(nursery.sweep, images.sweep),
        tell=partial(journal.emit, "storage"),
        plugins=containerd.in_namespace(choices.plugin_namespace),
    )
