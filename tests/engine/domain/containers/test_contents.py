from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain.containers.contents import binds, root_of
from engine.errors import InvalidParameter, NotFound
from engine.models.files import Bind, Change, Kind
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def put(daemon: Daemon, path: str, *, as_user: bool = False) -> None:
    await daemon.contents.extract(
        "web", path, chunks(b"tar", b"ball"), keep_kinds=True, as_user=as_user
    )


async def test_running_container_is_looked_at_through_its_process(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.machine.files.entries = {"/etc/motd": b"hello"}
        found = await daemon.contents.stat("web", "/etc/motd")
        assert (found.name, found.size) == ("motd", 5)
        ((_, root),) = daemon.machine.files.roots
        assert (root.id, root.pid, root.binds) == (cell.id, cell.record.state.pid, ())


async def test_stopped_one_is_put_together_from_its_layers_and_mounts(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web", binds=["vol:/data:ro"], readonly_rootfs=True)
        root = await root_of(cell, daemon.outside)
        assert (root.pid, root.read_only) == (0, True)
        assert root.mounts[0].options == (f"upperdir=/snapshots/{cell.id}/fs",)
        assert Bind("/volumes/vol/_data", "/data", True) in root.binds


async def test_places_for_mounts_are_made_once_and_only_before_the_first_run(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.files.entries = {"/f": b""}
        cell = await daemon.create("web")
        await settled()
        for _ in range(2):
            await daemon.contents.stat("web", "/f")
        assert daemon.machine.files.calls == ["make_places", "stat", "stat"]
        assert cell.places_made


async def test_archive_is_told_and_what_is_missing_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.machine.files.entries = {"/f": b"content"}
        assert [each async for each in daemon.contents.archive("web", "/f")] == [b"content"]
        assert daemon.journal.actions()[-1] == "archive-path"
        text = "^Could not find the file /g in container web$"
        with pytest.raises(NotFound, match=text):
            await anext(daemon.contents.archive("web", "/g"))
        with pytest.raises(NotFound, match=text):
            await daemon.contents.stat("web", "/g")
        with pytest.raises(NotFound, match="No such container: db"):
            await daemon.contents.stat("db", "/g")
        with pytest.raises(InvalidParameter, match="path cannot be empty"):
            await daemon.contents.stat("web", "")


async def test_archive_is_unpacked_and_told(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.machine.files.entries = {"/srv": b""}
        await put(daemon, "/srv")
        data, how = daemon.machine.files.extracted["/srv"]
        assert (data, how.owner, how.keep_kinds) == (b"tarball", None, True)
        assert daemon.journal.actions()[-1] == "extract-to-dir"


@pytest.mark.parametrize("started", [True, False])
async def test_unpacked_files_can_be_the_users(tmp_path: Path, started: bool) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.rootfs.files = {"etc/passwd": b"app:x:1000:1001::/app:\n"}
        daemon.machine.files.entries = {"/srv": b""}
        await (daemon.run if started else daemon.create)("web", user="app")
        await put(daemon, "/srv", as_user=True)
        assert daemon.machine.files.extracted["/srv"][1].owner == (1000, 1001)


async def test_nothing_starts_in_a_root_that_is_written_to(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.machine.files.entries = {"/srv": b""}

        async def watched() -> AsyncIterator[bytes]:
            assert cell.slot.locked()
            yield b"x"

        await daemon.contents.extract("web", "/srv", watched(), keep_kinds=False, as_user=False)
        assert not cell.slot.locked()


async def test_export_and_changes_are_of_the_root(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.machine.files.entries = {"/a": b"1", "/b": b"2"}
        daemon.machine.files.found = [Change("/a", Kind.ADDED)]
        assert [each async for each in daemon.contents.export("web")] == [b"1", b"2"]
        assert daemon.journal.actions()[-1] == "export"
        assert await daemon.contents.changes("web") == [Change("/a", Kind.ADDED)]


async def test_own_files_of_the_daemon_stand_in_etc_unless_something_else_does(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        plain = await daemon.create()
        own = await daemon.create(binds=[f"{tmp_path}:/etc/hosts", "vol:/v", "vol:/w"])
        shown = {each.destination: each.source for each in binds(plain.record, Path("/d"))}
        assert shown == {
            f"/etc/{name}": f"/d/{name}" for name in ("hosts", "hostname", "resolv.conf")
        }
        shown = {each.destination: each.source for each in binds(own.record, Path("/d"))}
        assert shown["/etc/hosts"] == str(tmp_path)
        assert shown["/v"] == shown["/w"] == "/volumes/vol/_data"
