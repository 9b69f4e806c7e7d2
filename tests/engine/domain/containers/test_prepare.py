from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.domain.containers.cell import Cell
from engine.domain.containers.prepare import current_plan, prepare, root_snapshot, runc_options
from engine.domain.containers.sysinfo import SysInfo
from engine.errors import InvalidParameter, NotFound, SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running
from tests.fakes.images import LAYER, image

INIT = f"init-{LAYER}"
PASSWD = b"root:x:0:0::/root:\napp:x:1000:1001::/app:\n"


def spec_of(daemon: Daemon, cell: Cell) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.runtime.containers.all[cell.id].spec)
    return found


async def created(daemon: Daemon, name: str = "", **wanted: Any) -> Cell:
    cell = await daemon.create(name, **wanted)
    await settled()
    return cell


async def test_root_stands_on_an_init_layer_that_all_of_an_image_share(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cells = [await created(daemon) for _ in range(3)]
        snapshots = daemon.runtime.snapshots.all
        assert [snapshots[each.id].parent for each in cells] == [INIT] * 3
        assert (snapshots[INIT].kind, snapshots[INIT].parent) == ("committed", LAYER)
        assert daemon.machine.rootfs.populated == 1
        assert snapshots[cells[0].id].labels["io.trimaran.engine"] == "e1"
        assert "containerd.io/gc.root" in snapshots[cells[0].id].labels
        assert "containerd.io/gc.root" not in snapshots[INIT].labels


async def test_init_layer_that_went_with_its_image_is_made_again(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        first = await created(daemon)
        await daemon.containers.remove(first.id)
        del daemon.runtime.snapshots.all[INIT]
        await created(daemon)
        assert daemon.machine.rootfs.populated == 2


async def test_interrupted_making_of_an_init_layer_is_taken_up(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.runtime.snapshots.prepare(f"{INIT}-making", LAYER)
        await created(daemon)
        assert daemon.runtime.snapshots.all[INIT].kind == "committed"


async def test_containerds_record_names_what_it_is_to_be_rebuilt_from(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await created(daemon, "web")
        info = daemon.runtime.containers.all[cell.id]
        assert info.labels == {
            "io.trimaran.engine": "e1",
            "io.trimaran.name": "web",
            "io.trimaran.image": cell.record.image_id,
        }
        assert (info.snapshot_key, info.snapshotter) == (cell.id, "overlayfs")


async def test_preparing_again_goes_on_from_what_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await created(daemon, "web")
        first = cell.preparation
        assert first is not None
        async with cell.slot:
            again = await prepare(cell, daemon.outside)
        assert again.rootfs == first.rootfs
        assert len(daemon.machine.network.links.spaces) == 1
        assert again.place.namespace in json.dumps(spec_of(daemon, cell))


async def test_spec_has_the_process_the_limits_and_the_files_of_the_container(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.rootfs.files = {"etc/passwd": PASSWD}
        cell = await created(
            daemon, user="app", working_dir="/srv", cmd=["serve", "all"], cgroup_parent="/mine"
        )
        spec = spec_of(daemon, cell)
        assert spec["process"]["args"] == ["serve", "all"]
        assert (spec["process"]["user"]["uid"], spec["process"]["user"]["gid"]) == (1000, 1001)
        assert spec["process"]["cwd"] == "/srv"
        assert spec["linux"]["cgroupsPath"] == f"/mine/{cell.id}"
        sources = {each["destination"]: each["source"] for each in spec["mounts"]}
        directory = tmp_path / "data" / "containers" / cell.id
        assert sources["/etc/hosts"] == f"{directory}/hosts"
        assert "172.17.0.2" in (directory / "hosts").read_text()
        assert (directory / "hostname").read_text() == cell.id[:12] + "\n"


async def test_user_of_an_image_is_looked_up_once(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.rootfs.files = {"etc/passwd": PASSWD}
        for _ in range(3):
            await created(daemon, user="app")
        assert daemon.machine.rootfs.reads == 1
        used = await daemon.run(user="app")
        await daemon.ends(used)
        await daemon.containers.start(used.id)  # it may have changed its own files
        assert daemon.machine.rootfs.reads == 2


async def test_unknown_user_is_told_by_the_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await created(daemon, "web", user="nosuch")
        with pytest.raises(InvalidParameter, match="unable to find user nosuch"):
            await daemon.containers.start("web")


async def test_who_joins_sees_the_network_by_the_same_names_and_the_same_processes(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        host = await daemon.run("host")
        mode = "container:host"
        guest = await daemon.run("guest", network_mode=mode, pid_mode=mode)
        spec = spec_of(daemon, guest)
        sources = {each["destination"]: each["source"] for each in spec["mounts"]}
        assert sources["/etc/hosts"] == str(tmp_path / "data" / "containers" / host.id / "hosts")
        paths = {each["type"]: each.get("path", "") for each in spec["linux"]["namespaces"]}
        assert paths["pid"] == f"/proc/{host.record.state.pid}/ns/pid"
        sandbox = host.record.network.sandbox
        assert sandbox is not None
        assert paths["network"] == sandbox.netns_path


async def test_namespaces_of_the_host_are_not_in_the_spec(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await created(
            daemon, network_mode="host", pid_mode="host", ipc_mode="host", uts_mode="host"
        )
        kinds = {each["type"] for each in spec_of(daemon, cell)["linux"]["namespaces"]}
        assert not kinds & {"network", "pid", "ipc", "uts"}


async def test_runtime_has_a_root_of_our_own(tmp_path: Path) -> None:
    options = {
        "runtimes": {"runc": "", "crun": "/usr/bin/crun"},
        "info": SysInfo(ncpu=4, seccomp=False, runtimes=frozenset({"runc", "crun"})),
    }
    async with running(tmp_path, **options) as daemon:
        plain, other = await daemon.create(), await daemon.create(runtime="crun")
        assert runc_options(plain.record, daemon.outside).binary_name == ""
        found = runc_options(other.record, daemon.outside)
        assert (found.binary_name, found.root) == ("/usr/bin/crun", str(tmp_path / "exec" / "runc"))


async def test_plan_of_a_running_container_is_made_again_by_the_next_daemon(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", env=["A=1"])
        before = cell.plan
        assert await current_plan(cell, daemon.outside) is before
        cell.plan = None
        assert await current_plan(cell, daemon.outside) == before


async def test_image_whose_layers_are_gone_cannot_be_prepared(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.images.known["lost"] = image("sha256:" + "2" * 64, "sha256:" + "3" * 64)
        cell = await created(daemon, "web", image="lost", cmd=["sh"])
        with pytest.raises(NotFound):
            await root_snapshot(cell.record, daemon.outside)
        with pytest.raises(NotFound, match="parent snapshot"):
            await daemon.containers.start("web")


async def test_rootfs_that_cannot_be_written_fails_the_start_and_not_the_next(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.rootfs.failure = SystemFailure("read-only file system")
        await created(daemon, "web")
        with pytest.raises(SystemFailure, match="read-only file system"):
            await daemon.containers.start("web")
        daemon.machine.rootfs.failure = None
        await daemon.containers.start("web")
