from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from engine.domain.containers.devices import find_devices
from engine.errors import InvalidParameter, SystemFailure
from engine.models.containers import HostConfig, ThrottleDevice, WeightDevice
from engine.models.devices import DeviceNode
from engine.models.mounts import DeviceMapping, DeviceRequest

NULL = DeviceNode("/dev/null", "c", 1, 3, 0o666, 0, 0)
TUN = DeviceNode("/dev/net/tun", "c", 10, 200, 0o600, 0, 5)


class Machine:
    """Two devices, one of them in a directory."""

    async def devices(self, path: str = "") -> Sequence[DeviceNode]:
        found = {
            "": [NULL, TUN],
            "/dev/null": [NULL],
            "/dev/net": [msgspec.structs.replace(TUN, suffix="/tun")],
            "/etc/passwd": [],
        }
        if path not in found:
            raise FileNotFoundError(2, "No such file or directory")
        return found[path]

    async def block_device(self, path: str) -> tuple[int, int]:
        if path != "/dev/sda":
            raise SystemFailure(f"stat {path}: no such file or directory")
        return 8, 0

    async def ps(self, arguments: Sequence[str]) -> str:
        raise AssertionError

    def cpu(self) -> tuple[int, int]:
        raise AssertionError

    def network(self, pid: int) -> dict[str, dict[str, int]]:
        raise AssertionError


def mapping(source: str, target: str = "", access: str = "") -> DeviceMapping:
    return DeviceMapping(path_on_host=source, path_in_container=target, cgroup_permissions=access)


async def test_without_wishes_nobody_looks() -> None:
    found = await find_devices(HostConfig(), Machine())
    assert (found.nodes, found.blocks) == ((), {})


async def test_a_device_has_its_own_name_and_access() -> None:
    host = HostConfig(devices=[mapping("/dev/null", "/dev/mine", "r")])
    (node,) = (await find_devices(host, Machine())).nodes
    assert (node.path, node.major, node.minor, node.access) == ("/dev/mine", 1, 3, "r")


async def test_a_directory_gives_all_its_devices() -> None:
    host = HostConfig(devices=[mapping("/dev/net", "/dev/other")])
    (node,) = (await find_devices(host, Machine())).nodes
    assert (node.path, node.file_mode, node.gid, node.access) == ("/dev/other/tun", 0o600, 5, "rwm")


async def test_privileged_has_all_of_the_host_and_the_renamed_ones() -> None:
    host = HostConfig(
        privileged=True, devices=[mapping("/dev/null", "/dev/null"), mapping("/dev/null", "/dev/x")]
    )
    nodes = (await find_devices(host, Machine())).nodes
    assert [node.path for node in nodes] == ["/dev/null", "/dev/net/tun", "/dev/x"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/dev/nosuch", "no such file or directory"), ("/etc/passwd", "not a device node")],
)
async def test_what_is_no_device_is_refused(path: str, reason: str) -> None:
    with pytest.raises(
        SystemFailure,
        match=f'error gathering device information while adding custom device "{path}": {reason}',
    ):
        await find_devices(HostConfig(devices=[mapping(path)]), Machine())


async def test_block_devices_with_limits_are_looked_up_once() -> None:
    host = HostConfig(
        blkio_weight_device=[WeightDevice(path="/dev/sda", weight=10)],
        blkio_device_write_iops=[ThrottleDevice(path="/dev/sda", rate=1)],
    )
    assert (await find_devices(host, Machine())).blocks == {"/dev/sda": (8, 0)}
    with pytest.raises(SystemFailure, match="stat /dev/nosuch"):
        await find_devices(
            HostConfig(blkio_device_read_bps=[ThrottleDevice(path="/dev/nosuch", rate=1)]),
            Machine(),
        )


async def test_gpus_find_no_driver() -> None:
    host = HostConfig(device_requests=[DeviceRequest(capabilities=[["gpu"], ["a", "b"]])])
    with pytest.raises(
        InvalidParameter,
        match=r'could not select device driver "" with capabilities: \[\[gpu\] \[a b\]\]',
    ):
        await find_devices(host, Machine())
