"""What containerd's mounts say of an overlay: its layers, and how to look at them without its upper's use."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.errors import NotImplementedHere
from engine.models.runtime import Mount


class Layers(msgspec.Struct, frozen=True):
    """Directories: the container's own, and its image's from the top down."""

    upper: str
    lowers: tuple[str, ...]


def layers(mounts: Sequence[Mount]) -> Layers:
    """NotImplementedHere for a snapshotter whose layers are not directories of an overlay."""
    options = dict(each.partition("=")[::2] for mount in mounts for each in mount.options)
    if len(mounts) != 1 or mounts[0].type != "overlay" or "upperdir" not in options:
        raise NotImplementedHere("changes are known with the overlayfs snapshotter only")
    return Layers(options["upperdir"], tuple(options["lowerdir"].split(":")))


def read_only(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """The same root to look at: an overlay's own directory becomes the topmost lower one.

    An upper directory must never be mounted as such twice, and its container may start any time.
    """
    return tuple(_overlay(each) if each.type == "overlay" else _bind(each) for each in mounts)


def _overlay(mount: Mount) -> Mount:
    upper, lower, rest = "", "", ["ro"]
    for option in mount.options:
        name, _, value = option.partition("=")
        if name == "upperdir":
            upper = value
        elif name == "lowerdir":
            lower = value
        elif name not in ("workdir", "rw", "ro"):
            rest.append(option)
    lowers = ":".join(filter(None, (upper, lower)))
    return msgspec.structs.replace(mount, options=(*rest, f"lowerdir={lowers}"))


def _bind(mount: Mount) -> Mount:
    return msgspec.structs.replace(
        mount, options=("ro", *(each for each in mount.options if each not in ("rw", "ro")))
    )
