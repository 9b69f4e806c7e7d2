"""The devices that a container asks for, looked up on the host when it starts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.domain.containers.oci.plan import HostDevice
from engine.domain.containers.ports import Host
from engine.errors import InvalidParameter, SystemFailure
from engine.models.containers import HostConfig
from engine.models.devices import DeviceNode
from engine.models.mounts import DeviceMapping, DeviceRequest


class Devices(msgspec.Struct, frozen=True):
    """What the spec's plan takes: nodes to make, and the numbers of block devices with limits."""

    nodes: tuple[HostDevice, ...] = ()
    blocks: dict[str, tuple[int, int]] = {}


async def find_devices(host: HostConfig, machine: Host) -> Devices:
    """InvalidParameter for device requests, SystemFailure for a device that is not there; dockerd's texts."""
    for request in host.device_requests or ():
        raise InvalidParameter(
            f'could not select device driver "{request.driver}" '
            f"with capabilities: {_go_lists(request)}"
        )
    paths = sorted({limit.path for limit in _limits(host)})
    if not (host.privileged or host.devices or paths):
        return Devices()
    nodes: list[HostDevice] = []
    if host.privileged:
        nodes += [_made(each, each.path) for each in await machine.devices()]
    for mapping in host.devices or ():
        if not (host.privileged and mapping.path_on_host == mapping.path_in_container):
            nodes += await _mapped(mapping, machine)
    return Devices(tuple(nodes), {path: await machine.block_device(path) for path in paths})


async def _mapped(mapping: DeviceMapping, machine: Host) -> list[HostDevice]:
    """One node, or all below a directory; `access` is what the container may do with them."""
    source = mapping.path_on_host
    target = mapping.path_in_container or source
    access = mapping.cgroup_permissions or "rwm"
    prefix = f'error gathering device information while adding custom device "{source}": '
    try:
        found = await machine.devices(source)
    except FileNotFoundError as error:
        raise SystemFailure(f"{prefix}no such file or directory") from error
    except OSError as error:
        raise SystemFailure(f"{prefix}{error.strerror}") from error
    if not found:
        raise SystemFailure(f"{prefix}not a device node")
    return [_made(each, target + each.suffix, access) for each in found]


def _made(node: DeviceNode, path: str, access: str = "rwm") -> HostDevice:
    return HostDevice(
        path=path,
        type=node.type,
        major=node.major,
        minor=node.minor,
        file_mode=node.mode,
        uid=node.uid,
        gid=node.gid,
        access=access,
    )


class _Limit(msgspec.Struct, frozen=True):
    path: str


def _limits(host: HostConfig) -> Iterable[_Limit]:
    for each in host.blkio_weight_device or ():
        yield _Limit(each.path)
    for limits in (
        host.blkio_device_read_bps,
        host.blkio_device_write_bps,
        host.blkio_device_read_iops,
        host.blkio_device_write_iops,
    ):
        for throttle in limits or ():
            yield _Limit(throttle.path)


def _go_lists(request: DeviceRequest) -> str:
    """As Go's %v prints a list of lists."""
    return "[" + " ".join(f"[{' '.join(each)}]" for each in request.capabilities or ()) + "]"
