"""The wire of the Volume tag."""

from __future__ import annotations

from msgspec import field

from engine.models.wire import Wire, items, null, number, text


class Volume(Wire, frozen=True):
    """An entry of GET /volumes and GET /volumes/{name}; labels and options are null when none were given."""

    created_at: str = ""
    driver: str = text()
    labels: dict[str, str] | None = null()
    mountpoint: str = text()
    name: str = text()
    options: dict[str, str] | None = null()
    scope: str = text()
    status: dict[str, object] | None = None


class VolumeListResponse(Wire, frozen=True):
    volumes: list[Volume] = items()
    warnings: list[str] | None = null()


class VolumeCreateRequest(Wire, frozen=True):
    """An empty name asks for a generated one; an empty driver is `local`."""

    name: str = text()
    driver: str = text()
    driver_opts: dict[str, str] | None = null()
    labels: dict[str, str] | None = null()
    cluster_volume_spec: dict[str, object] | None = field(default=None)


class VolumePruneReport(Wire, frozen=True):
    """`space_reclaimed` in bytes."""

    volumes_deleted: list[str] = items()
    space_reclaimed: int = number()
