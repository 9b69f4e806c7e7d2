from __future__ import annotations

import json

from tests.engine.domain.images.samples import LOWER, UPPER
from tests.fakes.image_archives import (
    digest_of,
    tar_of,
)
from tests.fakes.images_room import Room


async def test_legacy_archive_without_a_manifest_is_loaded(room: Room) -> None:
    lower, upper = "1" * 64, "2" * 64
    archive = tar_of(
        {
            f"{lower}/json": json.dumps({"id": lower, "os": "linux"}).encode(),
            f"{lower}/layer.tar": LOWER,
            f"{upper}/json": json.dumps(
                {"id": upper, "parent": lower, "os": "linux", "config": {"Cmd": ["x"]}}
            ).encode(),
            f"{upper}/layer.tar": UPPER,
            "repositories": json.dumps({"old": {"1": upper}}).encode(),
        }
    )
    assert await room.load(archive) == [{"stream": "Loaded image: old:1\n"}]
    image = room.images.resolve("old:1")
    assert image.config.rootfs.diff_ids == [digest_of(LOWER), digest_of(UPPER)]
    assert image.config.config.cmd == ["x"]
