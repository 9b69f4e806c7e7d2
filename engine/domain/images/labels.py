"""The labels that mark what is ours in containerd and tie an image's parts together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.domain.images.ports import Descriptor

__all__ = [
    "ENGINE",
    "IMAGE",
    "INGEST",
    "PARENT",
    "SIZES",
    "UNCOMPRESSED",
    "config_labels",
    "index_labels",
    "manifest_labels",
    "ours",
    "parse_sizes",
    "record_labels",
]

ENGINE = "io.trimaran.engine"
# On a lease: it guards an ingest and means nothing once the process that took it is gone.
INGEST = "io.trimaran.ingest"
# On a record of the image store: the image's ID, its parent, what its layers take on disk.
IMAGE = "io.trimaran.image"
PARENT = "io.trimaran.parent"
SIZES = "io.trimaran.sizes"
# containerd's own: the diff ID of compressed content, set by who has checked it.
UNCOMPRESSED = "containerd.io/uncompressed"
_REF = "containerd.io/gc.ref"


def ours(engine_id: str) -> str:
    """The filter that finds what this engine made."""
    return f'labels."{ENGINE}"=="{engine_id}"'


def config_labels(snapshotter: str, chain_id: str) -> dict[str, str]:
    """On a config: the image holds its layers, and the init layer that containers have above them."""
    if not chain_id:
        return {}
    held = f"{_REF}.snapshot.{snapshotter}"
    return {held: chain_id, f"{held}/init": init_name(chain_id)}


def init_name(chain_id: str) -> str:
    """The snapshot with the files that every container's root has, above an image's layers."""
    return f"init-{chain_id}"


def manifest_labels(config: Descriptor, layers: Iterable[Descriptor]) -> dict[str, str]:
    held = {f"{_REF}.content.l.{n}": layer.digest for n, layer in enumerate(layers)}
    return {f"{_REF}.content.config": config.digest, **held}


def index_labels(manifest: Descriptor) -> dict[str, str]:
    """Only the manifest of the platform that is here; its siblings are not."""
    return {f"{_REF}.content.m.0": manifest.digest}


def record_labels(
    engine_id: str, image_id: str, parent: str, sizes: Iterable[int]
) -> dict[str, str]:
    return {
        ENGINE: engine_id,
        IMAGE: image_id,
        PARENT: parent,
        SIZES: ",".join(map(str, sizes)),
    }


def parse_sizes(labels: Mapping[str, str], count: int) -> tuple[int, ...] | None:
    """The layers' sizes that a record states; None when it doesn't, or not for so many."""
    parts = [each for each in labels.get(SIZES, "").split(",") if each]
    if len(parts) != count or not all(each.isdecimal() for each in parts):
        return None
    return tuple(map(int, parts))
