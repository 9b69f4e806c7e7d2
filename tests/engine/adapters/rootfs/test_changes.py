from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest

from engine.adapters.rootfs.changes import changes, write_layer
from engine.adapters.rootfs.layers import Layers
from engine.models.files import Kind

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="whiteouts are device nodes")
pytestmark = [needs_root, pytest.mark.integration]


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    """`top` hides and replaces some of `bottom`."""
    upper, top, bottom = (tmp_path / name for name in ("upper", "top", "bottom"))
    for each in (upper, top, bottom):
        each.mkdir()
    for name in ("etc", "var", "usr/share"):
        (bottom / name).mkdir(parents=True)
    for name in ("etc/passwd", "etc/group", "var/log", "usr/share/doc", "gone"):
        (bottom / name).write_text("x")
    whiteout(top / "gone")
    (top / "etc").mkdir()
    (top / "etc" / "top").write_text("x")
    return Layers(str(upper), (str(top), str(bottom)))


def whiteout(path: Path) -> None:
    os.mknod(path, 0o20000, 0)


def directory_like(layers: Layers, name: str) -> Path:
    """As overlayfs copies a directory up: with its times and mode."""
    made = Path(layers.upper) / name
    made.mkdir()
    return made


def settle(layers: Layers, name: str, like: str) -> None:
    found = os.stat(os.path.join(like, name))
    os.utime(Path(layers.upper) / name, ns=(found.st_atime_ns, found.st_mtime_ns))


def listed(layers: Layers) -> dict[str, Kind]:
    return {each.path: each.kind for each in changes(layers)}


def test_nothing_changed_is_nothing(layers: Layers) -> None:
    assert listed(layers) == {}


def test_files_are_added_modified_and_deleted(layers: Layers) -> None:
    etc = directory_like(layers, "etc")
    (etc / "passwd").write_text("y")
    (etc / "new").write_text("y")
    whiteout(etc / "top")
    assert listed(layers) == {
        "/etc": Kind.MODIFIED,
        "/etc/new": Kind.ADDED,
        "/etc/passwd": Kind.MODIFIED,
        "/etc/top": Kind.DELETED,
    }


def test_a_directory_on_the_way_counts_once_its_content_does(layers: Layers) -> None:
    directory_like(layers, "usr")
    settle(layers, "usr", layers.lowers[1])
    assert listed(layers) == {}
    share = directory_like(layers, "usr/share")
    whiteout(share / "doc")
    settle(layers, "usr/share", layers.lowers[1])
    settle(layers, "usr", layers.lowers[1])
    assert listed(layers) == {
        "/usr": Kind.MODIFIED,
        "/usr/share": Kind.MODIFIED,
        "/usr/share/doc": Kind.DELETED,
    }


def test_what_a_lower_layer_had_deleted_is_new(layers: Layers) -> None:
    (Path(layers.upper) / "gone").write_text("back")
    assert listed(layers) == {"/gone": Kind.ADDED}


def test_an_opaque_directory_deletes_what_it_hides(layers: Layers) -> None:
    var = directory_like(layers, "var")
    os.setxattr(var, "trusted.overlay.opaque", b"y")
    (var / "new").write_text("y")
    assert listed(layers) == {
        "/var": Kind.MODIFIED,
        "/var/log": Kind.DELETED,
        "/var/new": Kind.ADDED,
    }


def test_a_layer_marks_what_is_gone(layers: Layers) -> None:
    etc = directory_like(layers, "etc")
    whiteout(etc / "top")
    (etc / "new").write_text("y")
    var = directory_like(layers, "var")
    os.setxattr(var, "trusted.overlay.opaque", b"y")
    whiteout(Path(layers.upper) / "usr")
    with tempfile.TemporaryFile() as out:
        write_layer(layers, out.fileno())
        out.seek(0)
        data = out.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == [
            "etc", "etc/new", "etc/.wh.top", ".wh.usr", "var", "var/.wh..wh..opq",
        ]  # fmt: skip
