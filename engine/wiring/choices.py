"""What a first start settles for the life of a data root."""

from __future__ import annotations

import os

from config.schema import Settings
from engine.adapters.host.identity import Choices, DataRoot

HOST_CONTAINERD = "/run/containerd/containerd.sock"
EMBEDDED = "embedded"  # --containerd: one of our own, also where the host has one
SNAPSHOTTERS = {"": "overlayfs", "overlay2": "overlayfs"}


def wanted_choices(settings: Settings, data: DataRoot) -> Choices:
    """What the flags ask for; `DataRoot.settle` compares it with what stands already."""
    return Choices(
        engine_id=data.new_engine_id(),
        containerd=_containerd(settings, data),
        namespace=settings.containerd_namespace,
        plugin_namespace=settings.containerd_plugin_namespace,
        bridge=settings.bridge,
        snapshotter=SNAPSHOTTERS.get(settings.storage_driver, settings.storage_driver),
        cgroup_driver="cgroupfs",
    )


def _containerd(settings: Settings, data: DataRoot) -> str:
    """The socket of an external containerd; "" for one of our own."""
    asked = settings.containerd
    if asked:
        return "" if asked == EMBEDDED else asked
    if data.choices is not None:
        return data.choices.containerd
    return HOST_CONTAINERD if os.path.exists(HOST_CONTAINERD) else ""
