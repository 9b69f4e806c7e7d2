from __future__ import annotations

import gzip
import json

import pytest

from engine.errors import InvalidParameter
from tests.engine.domain.images.samples import LOWER
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    chunks_of,
    digest_of,
)
from tests.fakes.images_room import Room


async def test_imported_image_is_as_dockerd_makes_it(room: Room, stores: FakeContainerd) -> None:
    id = await room.import_(
        gzip.compress(LOWER), repo="imp", tag="v1", message="hello", changes=["CMD a b"]
    )
    assert [each[0] for each in room.events] == ["tag", "import"]
    config = json.loads(stores.content.blobs[id].data)
    assert config["rootfs"] == {"type": "layers", "diff_ids": [digest_of(LOWER)]}
    assert config["comment"] == config["history"][0]["comment"] == "hello"
    assert config["config"]["Cmd"] == ["/bin/sh", "-c", "a b"]
    assert room.images.resolve("imp:v1").id == id
    assert len(room.images.history("imp:v1")) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"repo": "A"}, "must be lowercase"),
        ({"changes": ["RUN x"]}, "run is not a valid change command"),
        ({"platform": "windows/amd64"}, "operating system is not supported"),
        ({"platform": "a/b/c/d"}, "unknown operating system or architecture"),
    ],
)
async def test_bad_import_is_refused_before_anything_is_read(
    room: Room, options: dict[str, object], text: str
) -> None:
    chunks = chunks_of(LOWER)
    with pytest.raises(InvalidParameter, match=text):
        room.images.import_(chunks, **options)  # type: ignore[arg-type]
    assert chunks.taken == 0


async def test_import_for_another_platform_says_so(room: Room) -> None:
    id = await room.import_(LOWER, platform="linux/arm64/v8")
    config = room.images.resolve(id).config
    assert (config.architecture, config.variant) == ("arm64", "v8")
    assert config.comment == "Imported from -"
