"""Records to the API's shapes, and the room's events."""

from __future__ import annotations

import time
from collections.abc import Iterable

from engine.domain.events.facade import NewEvent
from engine.domain.volumes.ports import RemoteVolume
from engine.domain.volumes.records import VolumeRecord
from engine.models.volumes import Volume


def volume_view(
    record: VolumeRecord, mountpoint: str, remote: RemoteVolume | None = None
) -> Volume:
    """The volume as `GET /volumes/{name}` shows it; times are whole seconds there. `remote` is what its
    driver tells of it."""
    seconds = record.created_ns // 1_000_000_000
    return Volume(
        created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
        driver=record.driver,
        labels=record.labels,
        mountpoint=remote.mountpoint if remote else mountpoint,
        name=record.name,
        options=record.options,
        scope=remote.scope if remote else "local",
        status=remote.status if remote else None,
    )


def changed(action: str, record: VolumeRecord) -> NewEvent:
    """`create` or `destroy`."""
    found = NewEvent("volume", action, record.name, {"driver": record.driver})
    return found.once(f"volume {record.name} {record.created_ns} {action}")


def pruned(reclaimed: int) -> NewEvent:
    return NewEvent("volume", "prune", "", {"reclaimed": str(reclaimed)})


def mounted(
    name: str, driver: str, container_id: str, destination: str, *, read_only: bool
) -> NewEvent:
    attributes = {
        "container": container_id,
        "destination": destination,
        "driver": driver,
        "propagation": "",
        "read/write": "false" if read_only else "true",
    }
    return NewEvent("volume", "mount", name, attributes)


def unmounted(name: str, driver: str, container_id: str) -> NewEvent:
    return NewEvent("volume", "unmount", name, {"container": container_id, "driver": driver})


def by_name(records: Iterable[VolumeRecord]) -> list[VolumeRecord]:
    return sorted(records, key=lambda record: record.name)
