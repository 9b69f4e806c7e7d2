"""The wire of GET /system/df."""

from __future__ import annotations

from typing import Any

from engine.models.containers import Summary
from engine.models.images import ImageSummary
from engine.models.volumes import Volume
from engine.models.wire import Wire, null, number


class UsageData(Wire, frozen=True):
    """Bytes, and how many containers refer to the volume; -1 where it is not known."""

    ref_count: int = number()
    size: int = number()


class MeasuredVolume(Volume, frozen=True):
    usage_data: UsageData | None = None


class DiskUsage(Wire, frozen=True):
    """Kinds that were not asked for are null; `layers_size` counts each layer once."""

    layers_size: int = number()
    images: list[ImageSummary] | None = null()
    containers: list[Summary] | None = null()
    volumes: list[MeasuredVolume] | None = null()
    build_cache: list[Any] | None = null()
