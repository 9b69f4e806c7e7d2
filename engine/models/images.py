"""The wire of the Image tag."""

from __future__ import annotations

from typing import Any

from msgspec import field

from engine.models.containers import ContainerConfig, GraphDriver
from engine.models.wire import Wire, items, nested, null, number, text

__all__ = [
    "DeleteItem",
    "HistoryItem",
    "ImageInspect",
    "ImageMetadata",
    "ImagePruneReport",
    "ImageSummary",
    "RootFS",
    "SearchResult",
]


class ImageSummary(Wire, frozen=True):
    """An entry of GET /images/json; -1 is "not computed"."""

    containers: int = field(default_factory=lambda: -1)
    created: int = number()
    id: str = text()
    labels: dict[str, str] | None = null()
    parent_id: str = text()
    descriptor: dict[str, Any] | None = None
    manifests: list[dict[str, Any]] | None = None
    repo_digests: list[str] = items()
    repo_tags: list[str] = items()
    shared_size: int = field(default_factory=lambda: -1)
    size: int = number()
    virtual_size: int | None = None


class RootFS(Wire, frozen=True):
    type: str = field(default_factory=lambda: "layers")
    layers: list[str] = field(default_factory=list)


class ImageMetadata(Wire, frozen=True):
    """`last_tag_time` is RFC 3339, Go's zero time when the image was never tagged here."""

    last_tag_time: str = text()


class ImageInspect(Wire, frozen=True):
    id: str = text()
    repo_tags: list[str] = items()
    repo_digests: list[str] = items()
    parent: str = text()
    comment: str = text()
    created: str = ""
    container: str = ""
    container_config: ContainerConfig | None = None
    docker_version: str = text()
    author: str = text()
    config: ContainerConfig | None = null()
    architecture: str = text()
    variant: str = ""
    os: str = text()
    os_version: str = ""
    size: int = number()
    virtual_size: int | None = None
    graph_driver: GraphDriver = nested(GraphDriver)
    root_fs: RootFS = nested(RootFS, "RootFS")
    metadata: ImageMetadata = nested(ImageMetadata)
    descriptor: dict[str, Any] | None = None
    manifests: list[dict[str, Any]] | None = None


class DeleteItem(Wire, frozen=True):
    """Either `untagged` or `deleted` is there."""

    untagged: str = ""
    deleted: str = ""


class HistoryItem(Wire, frozen=True):
    """`id` is `<missing>` for layers whose image is not here."""

    id: str = text()
    created: int = number()
    created_by: str = text()
    tags: list[str] | None = null()
    size: int = number()
    comment: str = text()


class ImagePruneReport(Wire, frozen=True):
    images_deleted: list[DeleteItem] | None = null()
    space_reclaimed: int = number()


class SearchResult(Wire, frozen=True, rename=None):
    star_count: int = number()
    is_official: bool = field(default_factory=bool)
    name: str = text()
    is_automated: bool = field(default_factory=bool)
    description: str = text()
