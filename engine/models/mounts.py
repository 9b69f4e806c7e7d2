"""The wire's mounts: what a client asks for (Mount) and what inspect shows (MountPoint)."""

from __future__ import annotations

from msgspec import field

from engine.models.wire import Wire, flag, null, number, text


class BindOptions(Wire, frozen=True):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfig(Wire, frozen=True):
    name: str = ""
    options: dict[str, str] = field(default_factory=dict)


class VolumeOptions(Wire, frozen=True):
    no_copy: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    subpath: str = ""
    driver_config: DriverConfig | None = None


class ImageOptions(Wire, frozen=True):
    subpath: str = ""


class TmpfsOptions(Wire, frozen=True):
    """`size_bytes` 0 is no limit; `mode` is a number as os.chmod takes it, 0 is 1777."""

    size_bytes: int = 0
    mode: int = 0
    options: list[list[str]] = field(default_factory=list)


class ClusterOptions(Wire, frozen=True):
    pass


class Mount(Wire, frozen=True):
    """An entry of HostConfig.Mounts. `type` is bind, volume, tmpfs, image, npipe or cluster."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    image_options: ImageOptions | None = None
    tmpfs_options: TmpfsOptions | None = None
    cluster_options: ClusterOptions | None = None


class MountPoint(Wire, frozen=True):
    """An entry of inspect's Mounts."""

    type: str = ""
    name: str = ""
    source: str = text()
    destination: str = text()
    driver: str = ""
    mode: str = text()
    rw: bool = flag("RW")
    propagation: str = text()


class DeviceMapping(Wire, frozen=True):
    path_on_host: str = text()
    path_in_container: str = text()
    cgroup_permissions: str = text()


class DeviceRequest(Wire, frozen=True):
    driver: str = text()
    count: int = number()
    device_ids: list[str] | None = null("DeviceIDs")
    capabilities: list[list[str]] | None = null()
    options: dict[str, str] | None = null()
