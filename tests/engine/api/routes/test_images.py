from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from engine.api.routes.images import lines, lines_of, progress
from engine.errors import NotFound, SystemFailure
from tests.engine.api.routes.house import House, house
from tests.engine.domain.images.samples import ARCHIVE, CONFIG, ID, LOWER


def messages(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


async def loaded(at: House) -> None:
    answer = await at.ask("POST", "/images/load?quiet=1", ARCHIVE)
    assert answer.status == 200
    assert "Loaded image: busybox:latest" in messages(answer.body)[-1]["stream"]


async def test_archive_is_loaded_listed_and_inspected(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await loaded(at)
        (listed,) = (await at.ask("GET", "/images/json")).json
        assert (listed["Id"], listed["RepoTags"]) == (ID, ["busybox:latest"])
        assert "VirtualSize" not in listed
        (old,) = (await at.ask("GET", "/v1.41/images/json")).json
        assert old["VirtualSize"] == old["Size"]
        inspected = (await at.ask("GET", "/images/busybox/json")).json
        assert (inspected["Id"], inspected["Config"]["Labels"]) == (ID, {"l": "v"})
        assert len((await at.ask("GET", "/images/busybox/history")).json) >= 1


async def test_image_is_tagged_saved_and_deleted(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await loaded(at)
        assert (await at.ask("POST", "/images/busybox/tag?repo=mine/app&tag=v1")).status == 201
        assert (await at.ask("GET", "/images/mine/app:v1/json")).json["Id"] == ID
        for target in ("/images/busybox/get", "/images/get?names=busybox,mine/app:v1"):
            answer = await at.ask("GET", target)
            assert answer.headers["Content-Type"] == "application/x-tar"
            with tarfile.open(fileobj=BytesIO(answer.body)) as saved:
                assert "manifest.json" in saved.getnames()
        deleted = (await at.ask("DELETE", "/images/mine/app:v1")).json
        assert deleted == [{"Untagged": "mine/app:v1"}]
        deleted = (await at.ask("DELETE", "/images/busybox?force=1")).json
        assert {"Deleted": ID} in deleted


@pytest.mark.parametrize(
    ("method", "target", "status", "text"),
    [
        ("GET", "/images/nosuch/json", 404, "No such image: nosuch"),
        ("GET", "/images/nosuch/history", 404, "No such image: nosuch"),
        ("GET", "/images/nosuch/get", 404, "No such image: nosuch"),
        ("DELETE", "/images/nosuch", 404, "No such image: nosuch"),
        ("POST", "/images/nosuch/tag?repo=x", 404, "No such image: nosuch"),
        ("POST", "/images/create?fromSrc=http://x", 501, "importing from a URL is not supported"),
        ("POST", "/images/create?fromImage=UPPER", 400, "must be lowercase"),
        ("GET", '/images/json?filters={"x":["y"]}', 400, "nvalid filter 'x'"),
    ],
)
async def test_refusals_have_their_status_and_text(
    tmp_path: Path, method: str, target: str, status: int, text: str
) -> None:
    async with house(tmp_path) as at:
        found, message = await at.told(method, target)
        assert (found, text in message) == (status, True), message


async def test_root_is_imported(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        target = "/images/create?fromSrc=-&repo=mine&tag=v1&message=why&changes=CMD+sh"
        answer = await at.ask("POST", target, LOWER)
        assert (answer.status, len(messages(answer.body))) == (200, 1)
        inspected = (await at.ask("GET", "/images/mine:v1/json")).json
        assert inspected["Config"]["Cmd"] == ["/bin/sh", "-c", "sh"]


async def test_image_is_pulled_with_its_progress_and_pushed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.registry.image("app", "v1", CONFIG, [LOWER])
        answer = await at.ask("POST", "/images/create?fromImage=reg.test/app&tag=v1")
        assert answer.status == 200
        found = messages(answer.body)
        assert found[0]["status"].startswith("Pulling from app")
        if "error" not in found[-1]:
            answer = await at.ask("POST", "/images/reg.test/app/push?tag=v1")
            assert messages(answer.body)[0]["status"].startswith("The push refers to")


async def test_prune_answers_what_went(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await loaded(at)
        answer = await at.ask("POST", '/images/prune?filters={"dangling":["false"]}')
        assert {"Deleted": ID} in answer.json["ImagesDeleted"]
        assert (await at.ask("POST", "/images/prune")).json["ImagesDeleted"] is None


async def told(*steps: Mapping[str, Any] | Exception) -> AsyncGenerator[Mapping[str, Any], None]:
    for each in steps:
        if isinstance(each, Exception):
            raise each
        yield each


async def test_error_before_the_first_line_is_the_answer_and_later_ones_are_lines() -> None:
    with pytest.raises(NotFound):
        await anext(lines(told(NotFound("nothing"))))
    found = [each async for each in lines(told({"status": "a"}, SystemFailure("broken")))]
    assert [json.loads(each) for each in found] == [
        {"status": "a"},
        {"errorDetail": {"message": "broken"}, "error": "broken"},
    ]


async def test_work_ends_with_its_reader() -> None:
    ended: list[str] = []

    async def work() -> AsyncGenerator[Mapping[str, Any], None]:
        try:
            while True:
                yield {"status": "a"}
        finally:
            ended.append("generator")

    @asynccontextmanager
    async def beside() -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        source = work()
        try:
            yield source
        finally:
            await source.aclose()
            ended.append("context")

    stream = progress(work())
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    async with lines_of(beside()) as encoded:
        await anext(encoded)
    assert ended == ["generator", "generator", "context"]
