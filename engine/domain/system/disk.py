"""What images, containers and volumes take on disk: GET /system/df."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import msgspec

from engine.domain.containers.facade import Containers
from engine.domain.images.facade import Images
from engine.domain.volumes.facade import Volumes
from engine.errors import EngineError
from engine.models.containers import Summary
from engine.models.images import ImageSummary
from engine.models.usage import DiskUsage, MeasuredVolume, UsageData
from engine.models.volumes import Volume

KINDS = ("container", "image", "volume", "build-cache")


class DiskReport:
    """Measures at each call; nothing of it is kept."""

    def __init__(self, containers: Containers, images: Images, volumes: Volumes) -> None:
        self._containers = containers
        self._images = images
        self._volumes = volumes

    async def measure(self, kinds: Collection[str] = KINDS) -> DiskUsage:
        """The kinds asked for."""
        return DiskUsage(
            layers_size=self._layers() if "image" in kinds else 0,
            images=self._of_images() if "image" in kinds else None,
            containers=await self._of_containers() if "container" in kinds else None,
            volumes=await self._of_volumes() if "volume" in kinds else None,
            build_cache=[] if "build-cache" in kinds else None,
        )

    def _layers(self) -> int:
        sizes = {
            chain: size
            for image in self._images.everything()
            for chain, size in zip(image.chain_ids, image.layer_sizes, strict=True)
        }
        return sum(sizes.values())

    def _of_images(self) -> list[ImageSummary]:
        used = Counter(each.image_id for each in self._containers.list(all=True))
        return [
            msgspec.structs.replace(each, containers=used[each.id])
            for each in self._images.list(shared_size=True)
        ]

    async def _of_containers(self) -> list[Summary]:
        return await self._containers.list_with_sizes(self._containers.list(all=True))

    async def _of_volumes(self) -> list[MeasuredVolume]:
        return [await self._measured(each) for each in self._volumes.list().volumes]

    async def _measured(self, volume: Volume) -> MeasuredVolume:
        try:
            size = await self._volumes.size(volume.name)
        except EngineError:
            size = -1  # it went, or cannot be read
        usage = UsageData(ref_count=len(self._volumes.users(volume.name)), size=size)
        fields = {name: getattr(volume, name) for name in Volume.__struct_fields__}
        return MeasuredVolume(**fields, usage_data=usage)
