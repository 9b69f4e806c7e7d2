from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from engine.models.files import Change, Kind
from tests.engine.api.routes.house import house

STAT = "x-docker-container-path-stat"


async def test_path_is_described_in_a_header_and_archived(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        at.daemon.machine.files.entries = {"/etc/motd": b"hello"}
        for method, body in (("HEAD", b""), ("GET", b"hello")):
            answer = await at.ask(method, "/containers/web/archive?path=/etc/motd")
            assert (answer.status, answer.body) == (200, body)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            stat = json.loads(base64.b64decode(headers[STAT]))
            assert (stat["name"], stat["size"], stat["linkTarget"]) == ("motd", 5, "")
        assert headers["content-type"] == "application/x-tar"


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/containers/web/archive?path=/no", 404, "Could not find the file /no in container web"),
        ("/containers/web/archive", 400, "bad parameter: path cannot be empty"),
        ("/containers/web/archive?path=%00", 400, "bad parameter: path cannot contain a NUL byte"),
        ("/containers/no/archive?path=/", 404, "No such container: no"),
        ("/containers/no/changes", 404, "No such container: no"),
        ("/containers/no/export", 404, "No such container: no"),
    ],
)
async def test_refusals_come_before_the_first_byte(
    tmp_path: Path, target: str, status: int, text: str
) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        assert await at.told("GET", target) == (status, text)


async def test_archive_is_unpacked_as_asked(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        at.daemon.machine.files.entries = {"/srv": b""}
        answer = await at.ask(
            "PUT", "/containers/web/archive?path=/srv&noOverwriteDirNonDir=1", b"tarball"
        )
        assert answer.status == 200
        data, how = at.daemon.machine.files.extracted["/srv"]
        assert (data, how.keep_kinds, how.owner) == (b"tarball", True, None)


async def test_changes_are_a_list_or_null_and_export_is_a_tar(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        assert (await at.ask("GET", "/containers/web/changes")).json is None
        at.daemon.machine.files.found = [Change("/a", Kind.ADDED)]
        found = (await at.ask("GET", "/containers/web/changes")).json
        assert found == [{"Path": "/a", "Kind": 1}]
        at.daemon.machine.files.entries = {"/a": b"1"}
        answer = await at.ask("GET", "/containers/web/export")
        assert (answer.body, answer.headers["Content-Type"]) == (b"1", "application/octet-stream")


async def test_commit_takes_its_parameters_and_perhaps_a_config(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web", Env=["A=1"])
        target = "/commit?container=web&repo=mine&tag=v1&comment=c&author=a&pause=0&changes=ENV+B=2"
        answer = await at.ask("POST", target)
        assert answer.status == 201
        assert answer.json["Id"].startswith("sha256:")
        await at.ask("POST", "/commit?container=web", {"WorkingDir": "/srv"})
        await at.ask("POST", "/commit?container=web", b"null")
        first, second, third = (each[2] for each in at.daemon.machine.images.committed)
        assert sorted(first.config.env) == ["A=1", "B=2"]
        assert (first.comment, first.author) == ("c", "a")
        assert second.config.working_dir == "/srv"
        assert third.config.env == ["A=1"]
        assert at.daemon.journal.actions().count("pause") == 2
        assert (await at.told("POST", "/commit?container=no"))[0] == 404
