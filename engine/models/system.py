"""The wire of GET /version and GET /info."""

from __future__ import annotations

from typing import Any

from msgspec import field

from engine.models.wire import Wire, flag, items, mapping, nested, null, number, text


class VersionPlatform(Wire, frozen=True):
    name: str = text()


class Component(Wire, frozen=True):
    name: str = text()
    version: str = text()
    details: dict[str, str] = mapping()


class Version(Wire, frozen=True):
    platform: VersionPlatform = nested(VersionPlatform)
    components: list[Component] = items()
    version: str = text()
    api_version: str = text()
    min_api_version: str = text("MinAPIVersion")
    git_commit: str = text()
    go_version: str = text()
    os: str = text()
    arch: str = text()
    kernel_version: str = ""
    experimental: bool = False
    build_time: str = ""


class Plugins(Wire, frozen=True):
    """The names of the plugins in use, by kind."""

    volume: list[str] = items()
    network: list[str] = items()
    authorization: list[str] | None = null()
    log: list[str] = items()


class IndexInfo(Wire, frozen=True):
    name: str = text()
    mirrors: list[str] = items()
    secure: bool = flag()
    official: bool = flag()


class RegistryConfig(Wire, frozen=True):
    allow_nondistributable_artifacts_cidrs: list[str] | None = null(
        "AllowNondistributableArtifactsCIDRs"
    )
    allow_nondistributable_artifacts_hostnames: list[str] | None = null()
    insecure_registry_cidrs: list[str] = items("InsecureRegistryCIDRs")
    index_configs: dict[str, IndexInfo] = mapping()
    mirrors: list[str] = items()


class Runtime(Wire, frozen=True, rename=None):
    path: str = ""
    runtime_args: list[str] = field(default_factory=list, name="runtimeArgs")
    runtime_type: str = field(default="", name="runtimeType")
    options: dict[str, Any] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)


class Commit(Wire, frozen=True):
    id: str = text("ID")
    expected: str = ""


class SwarmInfo(Wire, frozen=True):
    node_id: str = text("NodeID")
    node_addr: str = text()
    local_node_state: str = field(default_factory=lambda: "inactive")
    control_available: bool = flag()
    error: str = text()
    remote_managers: list[dict[str, str]] | None = null()


class NetworkAddressPool(Wire, frozen=True):
    base: str = text()
    size: int = number()


class FirewallInfo(Wire, frozen=True):
    driver: str = text()
    info: list[tuple[str, str]] = field(default_factory=list)


class ContainerdNamespaces(Wire, frozen=True):
    containers: str = text()
    plugins: str = text()


class ContainerdInfo(Wire, frozen=True):
    address: str = ""
    namespaces: ContainerdNamespaces = nested(ContainerdNamespaces)


class Info(Wire, frozen=True):
    id: str = text("ID")
    containers: int = number()
    containers_running: int = number()
    containers_paused: int = number()
    containers_stopped: int = number()
    images: int = number()
    driver: str = text()
    driver_status: list[tuple[str, str]] = items()
    plugins: Plugins = nested(Plugins)
    memory_limit: bool = flag()
    swap_limit: bool = flag()
    kernel_memory: bool = False
    kernel_memory_tcp: bool = field(default=False, name="KernelMemoryTCP")
    cpu_cfs_period: bool = flag()
    cpu_cfs_quota: bool = flag()
    cpu_shares: bool = flag("CPUShares")
    cpu_set: bool = flag("CPUSet")
    pids_limit: bool = flag()
    ipv4_forwarding: bool = flag("IPv4Forwarding")
    bridge_nf_iptables: bool = flag()
    bridge_nf_ip6tables: bool = flag("BridgeNfIp6tables")
    debug: bool = flag()
    n_fd: int = number("NFd")
    oom_kill_disable: bool = flag()
    n_goroutines: int = number("NGoroutines")
    system_time: str = text()
    logging_driver: str = text()
    cgroup_driver: str = text()
    cgroup_version: str = ""
    n_events_listener: int = number("NEventsListener")
    kernel_version: str = text()
    operating_system: str = text()
    os_version: str = text("OSVersion")
    os_type: str = text("OSType")
    architecture: str = text()
    index_server_address: str = text()
    registry_config: RegistryConfig | None = null()
    n_cpu: int = number("NCPU")
    mem_total: int = number()
    generic_resources: list[dict[str, Any]] | None = null()
    docker_root_dir: str = text()
    http_proxy: str = text()
    https_proxy: str = text()
    no_proxy: str = text()
    name: str = text()
    labels: list[str] = items()
    experimental_build: bool = flag()
    server_version: str = text()
    runtimes: dict[str, Runtime] = mapping()
    default_runtime: str = text()
    swarm: SwarmInfo = nested(SwarmInfo)
    live_restore_enabled: bool = flag()
    isolation: str = text()
    init_binary: str = text()
    containerd_commit: Commit = nested(Commit)
    runc_commit: Commit = nested(Commit)
    init_commit: Commit = nested(Commit)
    security_options: list[str] = items()
    product_license: str = ""
    default_address_pools: list[NetworkAddressPool] = field(default_factory=list)
    firewall_backend: FirewallInfo | None = None
    cdi_spec_dirs: list[str] = items("CDISpecDirs")
    discovered_devices: list[dict[str, str]] = field(default_factory=list)
    containerd: ContainerdInfo | None = None
    warnings: list[str] | None = null()
