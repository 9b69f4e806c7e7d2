from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.domain.containers import ipc
from engine.errors import Conflict, InvalidParameter, NotFound
from tests.engine.domain.containers.rooms import Daemon, running


def shared_memory(daemon: Daemon, container_id: str) -> str:
    spec = json.loads(daemon.runtime.containers.all[container_id].spec)
    return next(each["source"] for each in spec["mounts"] if each["destination"] == "/dev/shm")


async def test_shareable_memory_is_on_the_host_while_the_container_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", ipc_mode="shareable", shm_size=7 << 20)
        place = tmp_path / "exec" / "shm" / cell.id
        assert daemon.machine.rootfs.shm == {place: 7 << 20}
        assert shared_memory(daemon, cell.id) == str(place)
        await daemon.ends(cell)
        assert daemon.machine.rootfs.shm == {}


async def test_private_memory_is_nobodys_business(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", ipc_mode="private")
        assert daemon.machine.rootfs.shm == {}
        assert ipc.place(cell.record, daemon.outside) == ("", "")


async def test_who_joins_has_the_others_namespace_and_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        donor = await daemon.run("donor", ipc_mode="shareable")
        guest = await daemon.run("guest", ipc_mode="container:donor")
        namespace, memory = ipc.place(guest.record, daemon.outside)
        assert namespace == f"/proc/{donor.record.state.pid}/ns/ipc"
        assert (
            memory == str(tmp_path / "exec" / "shm" / donor.id) == shared_memory(daemon, guest.id)
        )


async def test_hosts_memory_is_the_hosts(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("donor", ipc_mode="host")
        guest = await daemon.run("guest", ipc_mode="container:donor")
        assert ipc.place(guest.record, daemon.outside)[1] == "/dev/shm"
        assert daemon.machine.rootfs.shm == {}


async def test_donor_must_run_and_share(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("donor", ipc_mode="private")
        guest = await daemon.create("guest", ipc_mode="container:donor")
        with pytest.raises(Conflict, match=r"^can't join IPC of container .*is not running$"):
            await daemon.containers.start("guest")
        await daemon.containers.start("donor")
        with pytest.raises(InvalidParameter, match="non-shareable IPC"):
            await daemon.containers.start("guest")
        await daemon.containers.remove("donor", force=True)
        with pytest.raises(NotFound, match=r"^can't join IPC of container "):
            ipc.donor(guest.record, daemon.outside)


async def test_failed_start_leaves_no_memory_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web", ipc_mode="shareable")
        daemon.runtime.failures["tasks.create"] = NotFound("no")
        with pytest.raises(NotFound):
            await daemon.containers.start("web")
        assert daemon.machine.rootfs.shm == {}
