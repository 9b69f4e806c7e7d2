"""Images as the API shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.domain.images.catalogue import Catalogue, Image
from engine.domain.images.filters import Filters, matched_names
from engine.domain.images.times import ZERO_TIME, rfc3339, unix_nanoseconds
from engine.models.containers import ContainerConfig, GraphDriver
from engine.models.images import (
    HistoryItem,
    ImageInspect,
    ImageMetadata,
    ImageSummary,
    RootFS,
)

__all__ = ["history", "inspect", "shared_sizes", "summary"]


def summary(image: Image, filters: Filters, *, shared_size: int = -1) -> ImageSummary:
    """Names that a reference filter does not match are left out, as in dockerd."""
    return ImageSummary(
        created=_seconds(image.config.created),
        id=image.id,
        labels=image.config.config.labels,
        parent_id=image.parent,
        repo_digests=matched_names(image.digests, filters),
        repo_tags=matched_names(image.names, filters),
        shared_size=shared_size,
        size=image.size,
    )


def inspect(image: Image, driver: str) -> ImageInspect:
    config = image.config
    tagged = rfc3339(round(image.tagged_at * 1e9)) if image.tagged_at else ZERO_TIME
    return ImageInspect(
        id=image.id,
        repo_tags=list(image.names),
        repo_digests=list(image.digests),
        parent=image.parent,
        comment=config.comment,
        created=config.created or "",
        container=config.container,
        container_config=config.container_config or ContainerConfig(),
        docker_version=config.docker_version,
        author=config.author,
        config=config.config,
        architecture=config.architecture,
        variant=config.variant,
        os=config.os,
        os_version=config.os_version,
        size=image.size,
        graph_driver=GraphDriver(data=None, name=driver),
        root_fs=RootFS(layers=list(config.rootfs.diff_ids)),
        metadata=ImageMetadata(last_tag_time=tagged),
    )


def history(image: Image, catalogue: Catalogue) -> list[HistoryItem]:
    """Newest first; the steps of a build that are images here have their IDs, as in dockerd."""
    sizes = iter(image.layer_sizes)
    items = [
        HistoryItem(
            id="<missing>",
            created=_seconds(each.created),
            created_by=each.created_by,
            size=0 if each.empty_layer else next(sizes, 0),
            comment=each.comment,
        )
        for each in image.config.history
    ]
    items.reverse()
    found: Image | None = image
    for index, item in enumerate(items):
        if found is None:
            break
        items[index] = _renamed(item, found.id, list(found.names) or None)
        found = catalogue.images.get(found.parent)
    return items


def shared_sizes(catalogue: Catalogue) -> dict[str, int]:
    """For each image, the bytes of its layers that another image has too."""
    users = Counter(chain for image in catalogue.images.values() for chain in image.chain_ids)
    return {
        image.id: sum(
            size
            for chain, size in zip(image.chain_ids, image.layer_sizes, strict=True)
            if users[chain] > 1
        )
        for image in catalogue.images.values()
    }


def total_size(images: Iterable[Image]) -> int:
    """What these images take together, each layer counted once."""
    layers = {
        chain: size
        for image in images
        for chain, size in zip(image.chain_ids, image.layer_sizes, strict=True)
    }
    return sum(layers.values())


def _renamed(item: HistoryItem, id: str, tags: list[str] | None) -> HistoryItem:
    return HistoryItem(
        id=id,
        created=item.created,
        created_by=item.created_by,
        tags=tags,
        size=item.size,
        comment=item.comment,
    )


def _seconds(created: str | None) -> int:
    return (unix_nanoseconds(created) or 0) // 10**9
