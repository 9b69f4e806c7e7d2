from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.schema import Settings
from config.sections import StorageCollection
from engine.adapters.host.identity import Choices
from engine.domain.images.facade import ImageUser
from engine.errors import SystemFailure
from engine.wiring.storage import disk_reserve, image_users, storage_settings


def choices(containerd: str = "") -> Choices:
    return Choices("id", containerd, "n", "p", "b", "overlayfs", "cgroupfs")


def test_every_setting_arrives() -> None:
    given = StorageCollection(
        grace=1, interval=2, high=90, low=80, keep=("a",), min_age=3, dry_run=True, reserve=4
    )
    found = storage_settings(Settings(storage_collection=given), choices())
    assert (found.engine_id, found.embedded) == ("id", True)
    for name in given.__struct_fields__:
        assert getattr(found, name) == getattr(given, name), name


def test_containerd_of_the_host_is_not_under_the_data_root() -> None:
    assert not storage_settings(Settings(), choices("/run/containerd.sock")).embedded


def test_reserve_is_that_of_the_data_root(tmp_path: Path) -> None:
    given = Settings(data_root=str(tmp_path), storage_collection=StorageCollection(reserve=1 << 60))
    with pytest.raises(SystemFailure, match=f"not enough disk space under {tmp_path}"):
        disk_reserve(given).check()


def test_images_users_are_containers() -> None:
    class Room:
        def users_of_image(self, image_id: str) -> list[tuple[str, bool]]:
            return [(f"of {image_id}", True)]

    room: Any = Room()
    assert image_users(room, "x") == [ImageUser("of x", running=True)]
