from __future__ import annotations

import pytest

from engine.domain.containers.mountconfig import check_destination, check_mount, clean, tmpfs_text
from engine.errors import InvalidParameter
from engine.models.mounts import (
    BindOptions,
    ImageOptions,
    Mount,
    TmpfsOptions,
    VolumeOptions,
)

# Asked of dockerd 20.10; the image type is of later ones.
REFUSALS = [
    (Mount(), "field Target must not be empty"),
    (Mount(type="x", target="/y"), "mount type unknown"),
    (Mount(type="bind", target="/y"), "field Source must not be empty"),
    (
        Mount(type="bind", source="rel", target="/y"),
        "invalid mount path: 'rel' mount path must be absolute",
    ),
    (
        Mount(type="bind", source="/s", target="rel"),
        "invalid mount path: 'rel' mount path must be absolute",
    ),
    (
        Mount(type="bind", source="/s", target="/a/.."),
        "invalid specification: destination can't be '/'",
    ),
    (
        Mount(type="bind", source="/s", target="/y", bind_options=BindOptions(propagation="x")),
        "invalid propagation mode: x",
    ),
    (
        Mount(type="bind", source="/s", target="/y", volume_options=VolumeOptions()),
        "field VolumeOptions must not be specified",
    ),
    (
        Mount(type="volume", source="v", target="/y", bind_options=BindOptions()),
        "field BindOptions must not be specified",
    ),
    (
        Mount(type="volume", target="/y", read_only=True),
        "must not set ReadOnly mode when using anonymous volumes",
    ),
    (
        Mount(type="volume", source="v", target="/y", volume_options=VolumeOptions(subpath="../x")),
        "subpath must be a relative path within the volume",
    ),
    (Mount(type="tmpfs", source="x", target="/y"), "field Source must not be specified"),
    (Mount(type="image", target="/y"), "field Source must not be empty"),
    (
        Mount(type="image", source="i", target="/y", tmpfs_options=TmpfsOptions()),
        "field TmpfsOptions must not be specified",
    ),
]


@pytest.mark.parametrize(("mount", "text"), REFUSALS)
def test_refusals_are_dockerds(mount: Mount, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_mount(mount)
    assert str(caught.value) == f'invalid mount config for type "{mount.type}": {text}'


def test_well_formed_mounts_pass() -> None:
    check_mount(Mount(type="bind", source="/s", target="/y", bind_options=BindOptions()))
    check_mount(Mount(type="volume", target="/y"))
    check_mount(Mount(type="tmpfs", target="/y", tmpfs_options=TmpfsOptions(size_bytes=1)))
    check_mount(Mount(type="image", source="i", target="/y", image_options=ImageOptions()))


def test_tmpfs_destination_is_named_without_a_type() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_destination("x")
    assert str(caught.value) == "invalid mount path: 'x' mount path must be absolute"


def test_tmpfs_options_are_written_as_mount_takes_them() -> None:
    assert tmpfs_text(None) == ""
    assert tmpfs_text(TmpfsOptions(size_bytes=4096, mode=0o700)) == "size=4k,mode=700"
    assert tmpfs_text(TmpfsOptions(size_bytes=1 << 30)) == "size=1g"
    assert tmpfs_text(TmpfsOptions(size_bytes=1000)) == "size=1000"
    assert tmpfs_text(TmpfsOptions(options=[["exec"], ["uid", "5"]])) == "exec,uid=5"


def test_paths_are_cleaned_also_of_two_leading_slashes() -> None:
    assert clean("//a/../b/") == "/b"
