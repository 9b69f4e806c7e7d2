from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from engine.domain.containers.binds import MountSpec
from engine.domain.containers.records import Container, Removal, State, Status
from engine.domain.containers.volumes import (
    ContainerVolumes,
    mount_events,
    mount_points,
    unmount_events,
)
from engine.domain.volumes.facade import Volumes
from engine.errors import InvalidParameter, SystemFailure
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.runtime import Mount
from engine.models.volumes import VolumeCreateRequest
from tests.engine.domain.volumes.rooms import Room, running, serving

TMPFS = {"type": "tmpfs", "device": "tmpfs"}


def container(
    *mounts: MountSpec, state: State | None = None, host: HostConfig | None = None
) -> Container:
    return Container(
        id="c1",
        name="web",
        created_ns=0,
        image="i",
        image_id="sha256:1",
        layer="l",
        config=ContainerConfig(),
        host=host or HostConfig(),
        runtime="runc",
        snapshotter="overlayfs",
        mounts=list(mounts),
        state=state or State(),
    )


def volume(destination: str, name: str = "", **others: object) -> MountSpec:
    return MountSpec(type="volume", destination=destination, name=name, **others)  # type: ignore[arg-type]


class Bench:
    def __init__(self, room: Room, volumes: Volumes) -> None:
        self.room, self.volumes = room, volumes
        self.mounts = ContainerVolumes(volumes, Path("/points"))
        self.roots = 0

    async def root(self) -> Sequence[Mount]:
        self.roots += 1
        return [Mount("overlay", "overlay", "", ())]

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.volumes.list().volumes]


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    room = Room()
    async with running(room) as volumes:
        yield Bench(room, volumes)


async def test_volumes_get_names_and_sources_binds_stay(tmp_path: Path) -> None:
    async with bench() as at:
        bind = MountSpec(type="bind", destination="/b", source=str(tmp_path))
        asked = [volume("/a", "vol"), bind, volume("/c", anonymous=True)]
        named, kept, anonymous = await at.mounts.provide("c1", asked)
        assert (named.source, named.driver) == ("/volumes/vol/_data", "local")
        assert kept == bind
        assert len(anonymous.name) == 64
        assert list(at.volumes.users("vol")) == ["c1"]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (MountSpec(type="bind", destination="/b", source="/nosuch"), "bind source path does not"),
        (volume("/b", "../x"), "^create ../x: .* includes invalid characters"),
        (volume("/b", "v2", driver_options={"foo": "x"}), '^create v2: invalid option: "foo"$'),
    ],
)
async def test_one_bad_mount_leaves_nothing_of_the_others(bad: MountSpec, text: str) -> None:
    async with bench() as at:
        with pytest.raises(InvalidParameter, match=text):
            await at.mounts.provide("c1", [volume("/a", "vol"), bad])
        assert at.names == []


async def test_host_directories_of_binds_are_made_by_the_start(tmp_path: Path) -> None:
    async with bench() as at:
        source = tmp_path / "new" / "dir"
        bind = MountSpec(type="bind", destination="/b", source=str(source), create_source=True)
        await at.mounts.provide("c1", [bind])
        assert not source.exists()
        await at.mounts.mount(container(bind))
        assert source.is_dir()
        (tmp_path / "file").write_text("")
        wrong = MountSpec(
            type="bind", destination="/b", source=str(tmp_path / "file" / "x"), create_source=True
        )
        with pytest.raises(SystemFailure, match=r"^error while creating mount source path "):
            await at.mounts.mount(container(wrong))


async def test_release_removes_anonymous_volumes_when_asked_to() -> None:
    async with bench() as at:
        mounts = await at.mounts.provide("c1", [volume("/a", "vol"), volume("/b", anonymous=True)])
        await at.mounts.release("c1", mounts, anonymous=True)
        assert at.names == ["vol"]
        mounts = await at.mounts.provide("c2", [volume("/b", anonymous=True)])
        await at.mounts.release("c2", mounts, anonymous=False)
        assert len(at.names) == 2
        assert at.volumes.users("vol") == []


async def test_copy_up_fills_empty_volumes_and_asks_for_the_root_once() -> None:
    async with bench() as at:
        at.room.disk.root = {"/a": {"f": b"a"}, "/b": {"g": b"b"}, "/c": {"h": b"c"}}
        asked = [volume("/a", "va", copy_up=True), volume("/b", "vb", copy_up=True)]
        mounts = await at.mounts.provide("c1", [*asked, volume("/c", "nocopy")])
        await at.mounts.copy_up(container(*mounts), at.root)
        assert at.room.disk.content == {"va": {"f": b"a"}, "vb": {"g": b"b"}, "nocopy": {}}
        assert at.roots == 1
        await at.mounts.copy_up(container(*mounts), at.root)
        assert at.roots == 1


@pytest.mark.parametrize(
    ("anonymous", "text"),
    [
        (True, "cannot mount volume over existing file, file exists /bin/sh"),
        (False, "source /bin/sh is not directory"),
    ],
)
async def test_volume_over_a_file_is_refused(anonymous: bool, text: str) -> None:
    async with bench() as at:
        at.room.disk.root = {"/bin/sh": b"elf"}
        asked = volume("/bin/sh", "" if anonymous else "vol", copy_up=True, anonymous=anonymous)
        mounts = await at.mounts.provide("c1", [asked])
        with pytest.raises(SystemFailure) as refusal:
            await at.mounts.copy_up(container(*mounts), at.root)
        assert str(refusal.value) == text


async def test_start_mounts_and_binds_and_the_end_takes_both_away() -> None:
    async with bench() as at:
        await at.volumes.create(VolumeCreateRequest(name="ram", driver_opts=TMPFS))
        asked = [volume("/a", "ram"), volume("/b", "vol", subpath="sub")]
        record = container(*await at.mounts.provide("c1", asked))
        await at.mounts.mount(record)
        assert list(at.room.disk.mounted) == ["ram"]
        assert at.room.disk.points == {"/points/c1/1": ("vol", "sub")}
        assert [each.source for each in at.mounts.spec_mounts(record)] == [
            "/volumes/ram/_data",
            "/points/c1/1",
        ]
        await at.mounts.conceal(record)
        assert at.room.disk.points == {}
        await at.mounts.unmount(record)
        await at.mounts.unmount(record)
        assert at.room.disk.mounted == {}


async def test_end_of_a_run_is_not_held_up_by_a_mount_that_stays() -> None:
    async with bench() as at:
        record = container(*await at.mounts.provide("c1", [volume("/b", "vol", subpath="sub")]))
        at.room.disk.failures["conceal"] = SystemFailure("device or resource busy")
        await at.mounts.unmount(record)


async def test_restore_hands_over_references_of_all_but_what_is_being_removed() -> None:
    room = Room()
    async with contextlib.AsyncExitStack() as stack:
        volumes = room.daemon()
        await stack.enter_async_context(serving(volumes))
        going = State(status=Status.REMOVING, removal=Removal(volumes=True))
        await ContainerVolumes(volumes, Path("/points")).restore(
            [
                container(volume("/a", "vol", anonymous=True)),
                container(volume("/a", "gone", anonymous=True), state=going),
            ]
        )
        (found,) = volumes.list().volumes
        assert (found.name, found.labels) == ("vol", {"com.docker.volume.anonymous": ""})
        assert list(volumes.users("vol")) == ["c1"]


def test_events_name_each_volume_of_the_container() -> None:
    record = container(
        volume("/a", "vol", driver="local", read_only=True),
        MountSpec(type="bind", destination="/b", source="/b"),
    )
    (mounted,) = mount_events(record)
    assert (mounted.action, mounted.actor_id) == ("mount", "vol")
    assert mounted.attributes["read/write"] == "false"
    (unmounted,) = unmount_events(record)
    assert unmounted.attributes == {"container": "c1", "driver": "local"}


def test_inspect_shows_mounted_tmpfs_and_not_that_of_the_tmpfs_flag() -> None:
    record = container(
        MountSpec(type="tmpfs", destination="/flag"),
        MountSpec(type="tmpfs", destination="/mount"),
        host=HostConfig(tmpfs={"/flag/": ""}),
    )
    assert [each.destination for each in mount_points(record)] == ["/mount"]
