from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.create import reserve_name
from engine.domain.names import ids
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure, Unavailable
from engine.models.containers import CreateRequest, HostConfig, LogConfig
from engine.models.mounts import Mount, VolumeOptions
from engine.models.networks import EndpointSettings, NetworkingConfig
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running
from tests.fakes.images import IMAGE_ID, LAYER, image


def nothing_is_left(daemon: Daemon) -> bool:
    runtime = daemon.runtime
    return not (
        len(daemon.room.registry)
        or daemon.journal.documents
        or runtime.containers.all
        or [each for each in runtime.snapshots.all.values() if each.kind == "active"]
        or daemon.machine.disk.disk.content
    )


async def test_create_commits_the_record_with_its_event_and_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        made = await daemon.containers.create(CreateRequest(image="busybox"), name="/web")
        cell = daemon.containers.cell(made.id)
        record = cell.record
        assert (made.warnings, record.name, record.image) == ([], "web", "busybox")
        assert (record.image_id, record.layer, record.snapshotter) == (
            IMAGE_ID,
            LAYER,
            "overlayfs",
        )
        assert record.argv == ["sh"]
        assert record.config.hostname == made.id[:12]
        assert list(record.endpoints) == ["bridge"]
        assert record.host.network_mode == "bridge"
        assert record.host.log_config.type == "json-file"
        assert daemon.machine.record(made.id) == record
        assert daemon.journal.event("create").attributes == {"image": "busybox", "name": "web"}


async def test_what_the_request_says_goes_over_what_the_image_says(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.images.known["app"] = image(
            "sha256:" + "1" * 64,
            entrypoint=["app"],
            cmd=["serve"],
            env=["A=1", "B=2"],
            labels={"from": "image", "l": "image"},
        )
        cell = await daemon.create(image="app", cmd=["run"], env=["B=3"], labels={"l": "own"})
        assert cell.record.argv == ["app", "run"]
        assert sorted(cell.record.config.env or ()) == ["A=1", "B=3"]
        assert cell.record.config.labels == {"from": "image", "l": "own"}


@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        ({"image": "nosuch"}, NotFound, "No such image: nosuch:latest"),
        ({"runtime": "nosuch"}, InvalidParameter, "[Uu]nknown runtime specified nosuch"),
        ({"volumes_from": ["nosuch"]}, InvalidParameter, "No such container: nosuch"),
        ({"binds": ["a:b:c:d"]}, InvalidParameter, "invalid volume specification: 'a:b:c:d'"),
        ({"log_config": LogConfig(type="nosuch")}, InvalidParameter, "nosuch"),
        ({"memory": 1}, InvalidParameter, "Minimum memory limit allowed"),
    ],
)
async def test_refusal_leaves_nothing(
    tmp_path: Path, wanted: dict[str, object], kind: type[Exception], text: str
) -> None:
    async with running(tmp_path) as daemon:
        with pytest.raises(kind, match=text):
            await daemon.create("web", **wanted)
        assert nothing_is_left(daemon)
        await daemon.create("web")


async def test_empty_request_and_bad_name_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        with pytest.raises(InvalidParameter, match=r"^Config cannot be empty in order to create"):
            await daemon.containers.create(CreateRequest())
        with pytest.raises(InvalidParameter, match=r"^Invalid container name \(a b\)"):
            await daemon.create("a b")


async def test_name_in_use_is_a_conflict_also_while_its_owner_is_being_made(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        refusals = []

        async def create() -> None:
            try:
                await daemon.create("web")
            except Conflict as error:
                refusals.append(str(error))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(create)
        owner = daemon.containers.cell("web").id
        assert (
            refusals
            == [
                f'Conflict. The container name "/web" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            ]
            * 4
        )


async def test_containers_without_a_name_get_one(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        names = {(await daemon.create()).record.name for _ in range(5)}
        assert len(names) == 5
        assert all("_" in name for name in names)


async def test_when_all_names_are_taken_the_id_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.domain.containers import create

    async with running(tmp_path) as daemon:
        monkeypatch.setattr(create, "candidates", lambda _, id: iter(["taken", ids.short_id(id)]))
        daemon.room.registry.reserve("taken", "other")
        assert reserve_name(daemon.room, "", "a" * 64) == "a" * 12
        with pytest.raises(Conflict, match="no free name"):
            reserve_name(daemon.room, "", "a" * 12 + "b" * 52)


@pytest.mark.parametrize(
    ("wanted", "hostname"),
    [
        ({"hostname": "own"}, "own"),
        ({"network_mode": "host"}, socket.gethostname()),
        ({"uts_mode": "host"}, socket.gethostname()),
    ],
)
async def test_hostname_follows_the_modes(
    tmp_path: Path, wanted: dict[str, str], hostname: str
) -> None:
    async with running(tmp_path) as daemon:
        assert (await daemon.create(**wanted)).record.config.hostname == hostname


async def test_who_joins_a_network_has_its_hostname_and_no_endpoint(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        host = await daemon.create("host", hostname="front", domainname="example.org")
        guest = (await daemon.create("guest", network_mode="container:host")).record
        assert guest.host.network_mode == f"container:{host.id}"
        assert (guest.config.hostname, guest.config.domainname) == ("front", "example.org")
        assert guest.endpoints == {}


async def test_endpoints_are_those_of_the_request(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        asked = {"default": EndpointSettings(aliases=["a"]), "other": EndpointSettings()}
        request = CreateRequest(
            image="busybox", networking_config=NetworkingConfig(endpoints_config=asked)
        )
        made = await daemon.containers.create(request)
        endpoints = daemon.containers.cell(made.id).record.endpoints
        assert list(endpoints) == ["bridge", "other"]
        assert endpoints["bridge"].aliases == ["a"]


async def test_volumes_are_made_named_and_held(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create(binds=["vol:/a"], volumes={"/b": {}})
        by_destination = {each.destination: each for each in cell.record.mounts}
        assert by_destination["/a"].source == "/volumes/vol/_data"
        assert len(by_destination["/b"].name) == 64
        assert list(daemon.volumes.users("vol")) == [cell.id]


async def test_volumes_from_takes_over_all_but_tmpfs(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("donor", binds=["vol:/a"], tmpfs={"/t": ""})
        mounts = (await daemon.create(volumes_from=["donor:ro"])).record.mounts
        assert [(each.name, each.destination, each.read_only) for each in mounts] == [
            ("vol", "/a", True)
        ]


async def test_subpath_of_a_client_too_old_for_it_is_not_looked_at(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        options = VolumeOptions(subpath="sub")
        mount = Mount(type="volume", source="vol", target="/a", volume_options=options)
        request = CreateRequest(image="busybox", host_config=HostConfig(mounts=[mount]))
        subpaths = []
        for version in ((1, 44), (1, 45)):
            made = await daemon.containers.create(request, version=version)
            subpaths.append(daemon.containers.cell(made.id).record.mounts[0].subpath)
        assert subpaths == ["", "sub"]


async def test_log_options_of_the_daemon_stay_with_its_driver(tmp_path: Path) -> None:
    options = {"log_driver": "json-file", "log_options": {"max-size": "10m"}}
    async with running(tmp_path, **options) as daemon:
        own = await daemon.create(log_config=LogConfig(config={"max-file": "3"}))
        assert own.record.host.log_config.config == {"max-size": "10m", "max-file": "3"}
        other = await daemon.create(log_config=LogConfig(type="none"))
        assert other.record.host.log_config.config == {}


async def test_create_that_fails_late_takes_everything_back(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.images.failure = SystemFailure("no space left on device")
        with pytest.raises(SystemFailure, match="no space left"):
            await daemon.create("web", volumes={"/data": {}})
        daemon.machine.images.failure = None
        await settled()
        assert nothing_is_left(daemon)
        await daemon.create("web")


async def test_create_of_which_the_store_says_nothing_is_taken_back(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.journal.refused = "create"
        with pytest.raises(Unavailable):
            await daemon.create("web", volumes={"/data": {}})
        daemon.journal.refused = ""
        await trio.sleep(1)
        assert nothing_is_left(daemon)
        assert daemon.journal.actions() == ["create", "destroy"]
        assert daemon.room.abandoned == []
