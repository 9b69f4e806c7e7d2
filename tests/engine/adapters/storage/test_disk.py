from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.adapters.storage.disk import HostStorage
from engine.domain.storage.owners import UPLOADS, splits
from engine.errors import SystemFailure


async def test_data_root_is_surveyed_by_its_owners_bounds(tmp_path: Path) -> None:
    (tmp_path / "volumes" / "vol" / "_data").mkdir(parents=True)
    (tmp_path / "volumes" / "vol" / "_data" / "file").write_bytes(b"x" * 9000)
    found = {each.path: each.bytes for each in await HostStorage(tmp_path).survey(splits)}
    assert set(found) == {"", "volumes", "volumes/vol"}
    assert found["volumes/vol"] >= 9000


async def test_uploads_have_their_places(tmp_path: Path) -> None:
    (tmp_path / UPLOADS / "one").mkdir(parents=True)
    (tmp_path / UPLOADS / "one" / "ref").write_text("ns/1/pull")
    assert await HostStorage(tmp_path).uploads() == {f"{UPLOADS}/one": "pull"}


async def test_space_is_the_file_systems(tmp_path: Path) -> None:
    space = await HostStorage(tmp_path).space()
    assert 0 < space.free < space.size
    assert space.size == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize


async def test_what_the_host_refuses_is_told(tmp_path: Path) -> None:
    disk = HostStorage(tmp_path / "gone")
    with pytest.raises(SystemFailure, match="gone: no such file or directory"):
        await disk.space()


async def test_removes_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "a").mkdir(parents=True)
    disk = HostStorage(tmp_path)
    assert disk.root == str(tmp_path)
    await disk.remove("tmp/a")
    assert not (tmp_path / "tmp" / "a").exists()
