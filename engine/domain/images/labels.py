"""The labels that mark what is ours in containerd and tie an image's parts together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.domain.images.ports import Descriptor

__all__ = [
    "CHOSEN",
    "ENGINE",
    "IMAGE",
    "INGEST",
    "PARENT",
    "SIZES",
    "UNCOMPRESSED",
    "add_source",
    "config_labels",
    "download_prefix",
    "index_labels",
    "manifest_labels",
    "ours",
    "parse_sizes",
    "record_labels",
    "source_key",
    "sources_in",
]

ENGINE = "io.trimaran.engine"
# On a lease: it guards an ingest and means nothing once the process that took it is gone.
INGEST = "io.trimaran.ingest"
# On a record of the image store: the image's ID, its parent, what its layers take on disk.
IMAGE = "io.trimaran.image"
PARENT = "io.trimaran.parent"
CHOSEN = "io.trimaran.manifest"
SIZES = "io.trimaran.sizes"
# containerd's own: the diff ID of compressed content, set by who has checked it.
UNCOMPRESSED = "containerd.io/uncompressed"
_REF = "containerd.io/gc.ref"
# containerd's own: in which repositories of a registry a blob is.
_SOURCE = "containerd.io/distribution.source."
# containerd's limit of a label, key and value together; a little is left for the key.
_LABEL_LIMIT = 3500


def ours(engine_id: str) -> str:
    """The filter that finds what this engine made."""
    return f'labels."{ENGINE}"=="{engine_id}"'


def download_prefix(engine_id: str) -> str:
    """What the references of this engine's resumable downloads begin with; the blob's digest follows."""
    return f"trimaran-pull-{engine_id}-"


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
    """The manifest of one platform that is here; its siblings that are, have labels of their own."""
    return {f"{_REF}.content.m.{manifest.digest[7:19]}": manifest.digest}


def record_labels(
    engine_id: str, image_id: str, parent: str, sizes: Iterable[int], manifest: str = ""
) -> dict[str, str]:
    """`manifest` is the digest of the image's manifest where the record's target is an index."""
    return {
        CHOSEN: manifest,
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


def source_key(domain: str) -> str:
    return f"{_SOURCE}{domain}"


def sources_in(labels: Mapping[str, str], domain: str) -> list[str]:
    """The repositories of this registry that are known to have the blob."""
    return [each for each in labels.get(source_key(domain), "").split(",") if each]


def add_source(before: str, path: str) -> str:
    """The label's value with one repository more, unless it has grown too long."""
    known = [each for each in before.split(",") if each]
    after = ",".join([*known, path])
    return before if path in known or len(after) > _LABEL_LIMIT else after
