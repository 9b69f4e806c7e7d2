from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.routes.builds import BUILDKIT
from tests.engine.api.routes.house import house


@pytest.mark.parametrize("door", ["/session", "/grpc", "/build?version=2"])
async def test_buildkits_doors_refuse_in_words(tmp_path: Path, door: str) -> None:
    async with house(tmp_path) as at:
        assert await at.told("POST", door) == (501, BUILDKIT)


async def test_ping_sends_clients_to_the_classic_builder(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.ask("GET", "/_ping")
        assert answer.headers["Builder-Version"] == "1"


async def test_the_cache_is_images_so_there_is_nothing_to_prune(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.ask("POST", "/build/prune")
        assert answer.json == {"CachesDeleted": None, "SpaceReclaimed": 0} or answer.json == {
            "SpaceReclaimed": 0
        }


async def test_cancelling_wants_a_build(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert await at.told("POST", "/build/cancel") == (400, "build ID not provided")
        assert await at.told("POST", "/build/cancel?id=x") == (404, "no such build: x")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("t=UPPER", "must be lowercase"),
        ("buildargs=x", "error reading buildargs"),
        ("memory=x", "invalid value for memory"),
        ("squash=1", "squash is only supported with experimental mode"),
    ],
)
async def test_what_is_wrong_is_an_ordinary_answer(tmp_path: Path, query: str, error: str) -> None:
    async with house(tmp_path) as at:
        status, text = await at.told("POST", f"/build?{query}", b"")
        assert status == 400
        assert error in text
