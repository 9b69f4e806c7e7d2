from __future__ import annotations

import pytest

from engine.adapters.rootfs.layers import Layers, layers, read_only
from engine.errors import NotImplementedHere
from engine.models.runtime import Mount

OVERLAY = Mount(
    "overlay", "overlay", options=("index=off", "workdir=/w", "upperdir=/u", "lowerdir=/l1:/l2")
)


def test_an_overlay_names_its_layers() -> None:
    assert layers([OVERLAY]) == Layers("/u", ("/l1", "/l2"))


def test_another_snapshotters_changes_are_unknown() -> None:
    with pytest.raises(NotImplementedHere, match="overlayfs"):
        layers([Mount("bind", "/somewhere", options=("rbind", "rw"))])


def test_to_look_at_it_the_upper_becomes_the_topmost_lower() -> None:
    (seen,) = read_only([OVERLAY])
    assert seen.options == ("ro", "index=off", "lowerdir=/u:/l1:/l2")


def test_a_bind_is_looked_at_read_only() -> None:
    (seen,) = read_only([Mount("bind", "/somewhere", options=("rbind", "rw"))])
    assert seen.options == ("ro", "rbind")
