"""Whose a piece of the data root is. Pure: paths and what the rooms and containerd know, nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

CONTENT = "containerd/io.containerd.content.v1.content"
BLOBS = f"{CONTENT}/blobs/sha256"
UPLOADS = f"{CONTENT}/ingest"
SNAPSHOTTER = "containerd/io.containerd.snapshotter.v1.overlayfs"
LAYERS = f"{SNAPSHOTTER}/snapshots"
BUNDLES = "containerd/io.containerd.runtime.v2.task"

IMAGES = "images"
CONTAINERS = "containers"
LOGS = "logs"
VOLUMES = "volumes"
PLUGINS = "plugins"
STAGING = "staging"
CONTAINERD = "containerd"
STATE = "state"
FOREIGN = "foreign"
UNOWNED = "unowned"
OWNERS = (IMAGES, CONTAINERS, LOGS, VOLUMES, PLUGINS, STAGING, CONTAINERD, STATE, FOREIGN, UNOWNED)
"""`foreign` is what somebody else has put there: it is shown and never touched."""

_ID = re.compile(r"[0-9a-f]{64}")
_BUILD = "build-"
_LOG = re.compile(r".*\.log(\.\d+)?(\.gz)?|local-logs")
_STATE = re.compile(
    r"state(\.copy)?\.db(-wal|-shm|-journal)?|engine(\.copy)?\.json(\.new)?|lock|runtimes|quarantine"
)
_SPLIT = frozenset({"", "containers", "volumes", "volumes/.removing", "tmp", CONTAINERD, CONTENT})
_SPLIT_DEEP = frozenset({f"{CONTENT}/blobs", BLOBS, UPLOADS, SNAPSHOTTER, LAYERS, BUNDLES})


class Known(msgspec.Struct, frozen=True):
    """What the owners are told by. `layers` are snapshots by directory, `uploads` references by directory.

    `held` are the digests and snapshots that some image keeps, `plugin_content` the digests and `plugin_layers`
    the directories in the namespace of managed plugins.
    """

    containers: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    content: frozenset[str] = frozenset()
    layers: Mapping[str, str] = {}
    uploads: Mapping[str, str] = {}
    begun: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    plugin_content: frozenset[str] = frozenset()
    plugin_layers: frozenset[str] = frozenset()


def splits(path: str) -> bool:
    """Whether the entries of this directory may have different owners."""
    if path in _SPLIT or path in _SPLIT_DEEP:
        return True
    parent = path.rpartition("/")[0]
    return parent in ("containers", BUNDLES)


def owner(path: str, known: Known) -> str:
    top, _, rest = path.partition("/")
    if top == "containers":
        return _of_container(rest, known)
    if top == "volumes":
        return _of_volume(rest, known)
    if top == "containerd":
        return _of_containerd(path, known)
    if top == "logs":
        # What is still to be delivered, also of removed containers: the logs room sweeps it.
        return LOGS
    if top == "plugins":
        # Its room sweeps it at the daemon's start.
        return PLUGINS
    if top == "buildkitd":
        # It collects its cache itself.
        return STAGING
    if top == "tmp":
        return _of_tmp(rest)
    return STATE if not top or _STATE.fullmatch(top) else FOREIGN


def _of_tmp(rest: str) -> str:
    """Builds take away themselves what they work in, also after a crash."""
    if not rest:
        return STATE
    return STAGING if rest.startswith(_BUILD) else UNOWNED


def _of_container(rest: str, known: Known) -> str:
    container_id, _, file = rest.partition("/")
    if not container_id:
        return STATE
    if not _ID.fullmatch(container_id):
        return FOREIGN
    if container_id not in known.containers:
        return UNOWNED
    return LOGS if _LOG.fullmatch(file) else CONTAINERS


def _of_volume(rest: str, known: Known) -> str:
    name, _, _ = rest.partition("/")
    if not name:
        return STATE
    # What is being removed is finished by the volumes room, at the latest at the next start.
    return VOLUMES if name == ".removing" or name in known.volumes else FOREIGN


def _of_containerd(path: str, known: Known) -> str:
    parent, _, name = path.rpartition("/")
    if parent == BLOBS:
        digest = f"sha256:{name}"
        if digest in known.held:
            return IMAGES
        if digest in known.plugin_content:
            return PLUGINS
        return STAGING if digest in known.content else UNOWNED
    if parent == UPLOADS:
        return STAGING if known.uploads.get(path) in known.begun else UNOWNED
    if parent == LAYERS:
        if path in known.plugin_layers:
            return PLUGINS
        return _of_layer(known.layers.get(path), known)
    if parent.rpartition("/")[0] == BUNDLES and _ID.fullmatch(name):
        return CONTAINERS
    return CONTAINERD


def _of_layer(snapshot: str | None, known: Known) -> str:
    if snapshot is None:
        return UNOWNED
    if _ID.fullmatch(snapshot):
        return CONTAINERS if snapshot in known.containers else UNOWNED
    return IMAGES if snapshot in known.held else STAGING
