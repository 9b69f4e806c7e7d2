"""The wire's HostConfig, shared by API and store: everything of a container that is the host's."""

from __future__ import annotations

from msgspec import field

from engine.models.mounts import DeviceMapping, DeviceRequest, Mount
from engine.models.networks import PortBinding
from engine.models.wire import Wire, console_size, flag, mapping, nested, null, number, text


class LogConfig(Wire, frozen=True):
    type: str = text()
    config: dict[str, str] = mapping()


class RestartPolicy(Wire, frozen=True):
    """`name` is "", no, always, unless-stopped or on-failure."""

    name: str = text()
    maximum_retry_count: int = number()


class WeightDevice(Wire, frozen=True):
    path: str = text()
    weight: int = number()


class ThrottleDevice(Wire, frozen=True):
    path: str = text()
    rate: int = number()


class Ulimit(Wire, frozen=True):
    name: str = text()
    hard: int = number()
    soft: int = number()


class Resources(Wire, frozen=True):
    """The cgroup's limits; 0 (or null) is none. Memory in bytes, CPU times in microseconds."""

    cpu_shares: int = number()
    memory: int = number()
    nano_cpus: int = number()
    cgroup_parent: str = text()
    blkio_weight: int = number()
    blkio_weight_device: list[WeightDevice] | None = null()
    blkio_device_read_bps: list[ThrottleDevice] | None = null()
    blkio_device_write_bps: list[ThrottleDevice] | None = null()
    blkio_device_read_iops: list[ThrottleDevice] | None = null("BlkioDeviceReadIOps")
    blkio_device_write_iops: list[ThrottleDevice] | None = null("BlkioDeviceWriteIOps")
    cpu_period: int = number()
    cpu_quota: int = number()
    cpu_realtime_period: int = number()
    cpu_realtime_runtime: int = number()
    cpuset_cpus: str = text()
    cpuset_mems: str = text()
    devices: list[DeviceMapping] | None = null()
    device_cgroup_rules: list[str] | None = null()
    device_requests: list[DeviceRequest] | None = null()
    kernel_memory: int = 0
    kernel_memory_tcp: int = field(default=0, name="KernelMemoryTCP")
    memory_reservation: int = number()
    memory_swap: int = number()
    memory_swappiness: int | None = null()
    oom_kill_disable: bool | None = null()
    pids_limit: int | None = null()
    ulimits: list[Ulimit] | None = null()
    cpu_count: int = number()
    cpu_percent: int = number()
    io_maximum_iops: int = number("IOMaximumIOps")
    io_maximum_bandwidth: int = number("IOMaximumBandwidth")


class HostConfig(Resources, frozen=True):
    binds: list[str] | None = null()
    container_id_file: str = text("ContainerIDFile")
    log_config: LogConfig = nested(LogConfig)
    network_mode: str = text()
    port_bindings: dict[str, list[PortBinding] | None] | None = null()
    restart_policy: RestartPolicy = nested(RestartPolicy)
    auto_remove: bool = flag()
    volume_driver: str = text()
    volumes_from: list[str] | None = null()
    console_size: tuple[int, int] = console_size()
    annotations: dict[str, str] = field(default_factory=dict)
    cap_add: list[str] | None = null()
    cap_drop: list[str] | None = null()
    cgroupns_mode: str = text()
    dns: list[str] | None = null()
    dns_options: list[str] | None = null()
    dns_search: list[str] | None = null()
    extra_hosts: list[str] | None = null()
    group_add: list[str] | None = null()
    ipc_mode: str = text()
    cgroup: str = text()
    links: list[str] | None = null()
    oom_score_adj: int = number()
    pid_mode: str = text()
    privileged: bool = flag()
    publish_all_ports: bool = flag()
    readonly_rootfs: bool = flag()
    security_opt: list[str] | None = null()
    storage_opt: dict[str, str] = field(default_factory=dict)
    tmpfs: dict[str, str] = field(default_factory=dict)
    uts_mode: str = text("UTSMode")
    userns_mode: str = text()
    shm_size: int = number()
    sysctls: dict[str, str] = field(default_factory=dict)
    runtime: str = ""
    isolation: str = text()
    mounts: list[Mount] = field(default_factory=list)
    masked_paths: list[str] | None = null()
    readonly_paths: list[str] | None = null()
    init: bool | None = None
