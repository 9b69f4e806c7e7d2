from __future__ import annotations

import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.adapters.rootfs import paths
from engine.adapters.rootfs.files import HostFiles
from engine.errors import Forbidden, InvalidParameter, NotFound
from engine.models.files import Bind, Change, Extraction, Kind, Root
from engine.models.runtime import Mount

pytestmark = pytest.mark.integration

MISSING = NotFound("Could not find the file in container web")


class Rig:
    """A container that does not run: an overlay on a layer with `etc/motd`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for name in ("lower", "upper", "work", "scratch", "volume"):
            (base / name).mkdir()
        (base / "lower" / "etc").mkdir()
        (base / "lower" / "etc" / "motd").write_text("hello")
        (base / "lower" / "data").mkdir()
        self.files = HostFiles(base / "scratch")

    def root(self, *binds: Bind, read_only: bool = False) -> Root:
        options = (
            f"workdir={self.base}/work",
            f"upperdir={self.base}/upper",
            f"lowerdir={self.base}/lower",
        )
        mounts = (Mount("overlay", "overlay", options=options),)
        return Root("web", mounts, binds=binds, read_only=read_only)

    def volume(self, *, read_only: bool = False) -> Bind:
        return Bind(str(self.base / "volume"), "/data", read_only)

    async def extract(self, root: Root, path: str, how: Extraction | None = None) -> None:
        chunks = archive({"new": b"content"})
        await self.files.extract(root, path, chunks, how or Extraction(), MISSING)


async def archive(entries: dict[str, bytes]) -> AsyncIterator[bytes]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    yield out.getvalue()


async def unpacked(chunks: AsyncIterator[bytes]) -> dict[str, bytes]:
    data = io.BytesIO(b"".join([each async for each in chunks]))
    with tarfile.open(fileobj=data) as tar:
        return {
            each.name: (file.read() if (file := tar.extractfile(each)) else b"")
            for each in tar.getmembers()
        }


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_path_is_described(rig: Rig) -> None:
    found = await rig.files.stat(rig.root(), "/etc/motd", MISSING)
    assert (found.name, found.size) == ("motd", 5)
    with pytest.raises(NotFound) as refusal:
        await rig.files.stat(rig.root(), "/nosuch", MISSING)
    assert refusal.value is MISSING


async def test_archive_is_named_by_the_last_part(rig: Rig) -> None:
    found = await unpacked(rig.files.archive(rig.root(), "/etc", MISSING))
    assert {name.rstrip("/"): data for name, data in found.items()} == {
        "etc": b"",
        "etc/motd": b"hello",
    }
    with pytest.raises(NotFound):
        await unpacked(rig.files.archive(rig.root(), "/nosuch", MISSING))


async def test_archive_is_unpacked_into_the_containers_own_layer(rig: Rig) -> None:
    await rig.extract(rig.root(), "/etc")
    assert (rig.base / "upper" / "etc" / "new").read_bytes() == b"content"
    assert not (rig.base / "lower" / "etc" / "new").exists()


async def test_what_is_mounted_is_seen_and_written(rig: Rig) -> None:
    (rig.base / "volume" / "file").write_text("volume")
    root = rig.root(rig.volume())
    assert (await rig.files.stat(root, "/data/file", MISSING)).size == 6
    await rig.extract(root, "/data")
    assert (rig.base / "volume" / "new").read_bytes() == b"content"


@pytest.mark.parametrize(("path", "kind"), [("/nosuch", NotFound), ("/etc/motd", InvalidParameter)])
async def test_target_that_is_no_directory_is_refused(
    rig: Rig, path: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await rig.extract(rig.root(), path)


async def test_read_only_targets_are_forbidden(rig: Rig) -> None:
    with pytest.raises(Forbidden, match="container rootfs is marked read-only"):
        await rig.extract(rig.root(read_only=True), "/etc")
    with pytest.raises(Forbidden, match="mounted volume is marked read-only"):
        await rig.extract(rig.root(rig.volume(read_only=True)), "/data")
    await rig.extract(rig.root(rig.volume(), read_only=True), "/data")
    assert (rig.base / "volume" / "new").exists()


async def test_export_is_of_the_root_without_what_is_mounted(rig: Rig) -> None:
    (rig.base / "volume" / "file").touch()
    found = await unpacked(rig.files.export(rig.root(rig.volume())))
    names = {name.strip("./") for name in found}
    assert {"etc/motd", "data"} <= names
    assert "data/file" not in names


async def test_changes_are_those_of_the_own_layer(rig: Rig) -> None:
    await rig.extract(rig.root(), "/etc")
    found = await rig.files.changes(rig.root())
    assert Change("/etc/new", Kind.ADDED) in found
    assert Change("/etc", Kind.MODIFIED) in found
    layer = await unpacked(rig.files.layer(rig.root()))
    assert layer["etc/new"] == b"content"
    assert "etc/motd" not in layer


async def test_places_for_mounts_are_made(rig: Rig) -> None:
    bind = Bind(str(rig.base / "volume"), "/srv/deep/place")
    await rig.files.make_places(rig.root(bind))
    assert (rig.base / "upper" / "srv" / "deep" / "place").is_dir()


async def test_what_goes_between_the_look_and_the_reading_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)
    found = paths.Place.stat

    def gone(place: paths.Place) -> os.stat_result:
        seen = found(place)
        place.name = "gone"
        return seen

    monkeypatch.setattr(paths.Place, "stat", gone)
    with pytest.raises(NotFound, match="Could not find the file"):
        await unpacked(rig.files.archive(rig.root(), "/etc/motd", MISSING))
    monkeypatch.setattr(paths, "describe", lambda *_: os.stat("/nothing/there"))
    with pytest.raises(NotFound, match="Could not find the file"):
        await rig.files.stat(rig.root(), "/etc/motd", MISSING)
