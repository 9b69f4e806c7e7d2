"""The settings of trimarand, under the key names of dockerd's daemon.json, with their defaults."""

from __future__ import annotations

from typing import Literal

import msgspec

from config.sections import (
    AddressPool,
    Builder,
    EventsRetention,
    Proxies,
    Runtime,
    StorageCollection,
    Ulimit,
)

CONFIG_FILE = "/etc/trimaran/daemon.json"
SOCKET_NAME = "docker.sock"
PIDFILE_NAME = "trimaran.pid"

PublishPolicy = Literal["all", "lan", "local"]
Mirrors = tuple[str, ...] | dict[str, tuple[str, ...]]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Every setting; an attribute `a_b` is the key `a-b`. Defaults are dockerd's, or our own names.

    An empty string means "derived at start" where the comment says so.
    """

    # Daemon
    debug: bool = False
    log_level: str = "info"
    log_format: str = "text"
    raw_logs: bool = False
    data_root: str = "/var/lib/trimaran"
    exec_root: str = "/run/trimaran"
    pidfile: str | None = None  # EXEC/trimaran.pid
    live_restore: bool = False
    shutdown_timeout: int = 15  # seconds; below 0 without limit
    default_stop_timeout: int = 10  # seconds
    labels: tuple[str, ...] = ()
    features: dict[str, bool] = {}
    experimental: bool = False
    metrics_addr: str = ""
    min_api_version: str = ""  # the oldest that the engine speaks
    authorization_plugins: tuple[str, ...] = ()
    plugin_sockets: str = "/run/docker/plugins"
    plugin_specs: tuple[str, ...] = ("/etc/docker/plugins", "/usr/lib/docker/plugins")
    events_retention: EventsRetention = EventsRetention()
    timeline_retention: int = 30 * 24 * 3600  # seconds after a container's removal

    # API
    hosts: tuple[str, ...] = ()  # EXEC/docker.sock, and what the daemon adds to it
    group: str = "docker"
    tls: bool | None = None  # None: not said; an explicit false silences dockerd's slow start
    tlsverify: bool | None = None
    tlscacert: str = ""  # ~/.docker/ca.pem
    tlscert: str = ""  # ~/.docker/cert.pem
    tlskey: str = ""  # ~/.docker/key.pem
    api_cors_header: str = ""
    api_half_open: int = 512  # connections on each listener that have not made a request
    api_header_timeout: int = 30  # seconds for the head of a request
    operator_addr: str = "127.0.0.1:2374"  # "" switches the operators' page off

    # containerd and runtimes
    containerd: str = ""  # found or started
    containerd_namespace: str = "trimaran"
    containerd_plugin_namespace: str = "plugins.trimaran"
    cri_containerd: bool = False
    runtimes: dict[str, Runtime] = {}
    default_runtime: str = "runc"
    exec_opts: tuple[str, ...] = ()
    storage_driver: str = ""
    storage_opts: tuple[str, ...] = ()
    storage_collection: StorageCollection = StorageCollection()
    cdi_spec_dirs: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    nri_opts: dict[str, str | bool] = {}

    # Containers
    init: bool = False
    init_path: str = ""
    cgroup_parent: str = ""  # /trimaran-ENGINEID, or trimaran.slice under systemd
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    default_ulimits: dict[str, Ulimit] = {}
    default_shm_size: int = 64 << 20
    default_ipc_mode: str = "private"
    default_cgroupns_mode: str = ""  # private on cgroup v2, else host
    log_driver: str = "json-file"
    log_opts: dict[str, str] = {}
    node_generic_resources: tuple[str, ...] = ()

    # Security
    seccomp_profile: str = ""
    selinux_enabled: bool = False
    no_new_privileges: bool = False
    userns_remap: str = ""
    rootless: bool = False

    # Registries
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    registry_mirrors: Mirrors = ()  # a list is for Docker Hub; a map is host -> mirrors
    insecure_registries: tuple[str, ...] = ()
    allow_nondistributable_artifacts: tuple[str, ...] = ()
    proxies: Proxies = Proxies()
    builder: Builder = Builder()

    # Networking
    bridge: str = "trimaran0"
    bip: str = ""
    bip6: str = ""
    fixed_cidr: str = ""
    fixed_cidr_v6: str = ""
    default_gateway: str = ""
    default_gateway_v6: str = ""
    default_address_pools: tuple[AddressPool, ...] = ()  # the built-in pools
    default_network_opts: dict[str, dict[str, str]] = {}
    dns: tuple[str, ...] = ()
    dns_opts: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    resolv_conf: str = ""
    host_gateway_ips: tuple[str, ...] = ()  # the bridge's address
    icc: bool = True
    ip: str = "0.0.0.0"
    ip_forward: bool = True
    ip_forward_no_drop: bool = False
    ip_masq: bool = True
    iptables: bool = True
    ip6tables: bool = True
    ipv6: bool = False
    allow_direct_routing: bool = False
    firewall_backend: str = ""  # nftables
    bridge_accept_fwmark: str = ""
    publish_policy: PublishPolicy = "all"
    mtu: int = 0  # follows the uplink
    userland_proxy: bool = True
    userland_proxy_path: str = ""
    network_control_plane_mtu: int = 1500
    network_diagnostic_port: int = 0

    # Cluster
    swarm_default_advertise_addr: str = ""
    swarm_raft_heartbeat_tick: int = 0
    swarm_raft_election_tick: int = 0

    @property
    def pid_path(self) -> str:
        """Where the pid file is: under the exec root unless it was said."""
        return f"{self.exec_root}/{PIDFILE_NAME}" if self.pidfile is None else self.pidfile

    @property
    def socket_path(self) -> str:
        """The API's own socket, for when no host was given."""
        return f"{self.exec_root}/{SOCKET_NAME}"

    @property
    def uses_tls(self) -> bool:
        """`tlsverify`, said at all, implies `tls`, as in dockerd."""
        return bool(self.tls) or self.tlsverify is not None

    @property
    def masquerades(self) -> bool:
        """Masquerading needs the firewall: switched off together with `iptables`."""
        return self.ip_masq and self.iptables


KEYS: dict[str, str] = {field.encode_name: field.name for field in msgspec.structs.fields(Settings)}
"""daemon.json key -> attribute, in the order of the schema."""
