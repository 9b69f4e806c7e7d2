"""SpecPlan: everything that the spec builder needs and cannot know by itself."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.domain.containers.oci.capabilities import ALL_CAPABILITIES
from engine.models.containers import ContainerConfig, HostConfig, Ulimit

# How a namespace is had: made anew, the host's, or (any other text) joined by its path.
NEW = ""
HOST = "host"


class Namespaces(msgspec.Struct, frozen=True, kw_only=True):
    """Each one NEW, HOST or a path to join. `user` is NEW only together with id mappings."""

    network: str = NEW
    uts: str = NEW
    pid: str = NEW
    ipc: str = NEW
    cgroup: str = HOST
    user: str = HOST


class User(msgspec.Struct, frozen=True):
    """The user that the process runs as, looked up in the rootfs's passwd and group."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()


class IdMapping(msgspec.Struct, frozen=True):
    container_id: int
    host_id: int
    size: int


class SpecMount(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved mount: `source` is a path of the host, except for tmpfs.

    `options` are a tmpfs's own, comma separated; `propagation` empty leaves it to the runtime,
    as dockerd does for volumes.
    """

    destination: str
    source: str = ""
    type: str = "bind"
    read_only: bool = False
    read_only_recursive: bool = False
    recursive: bool = True
    propagation: str = ""
    options: str = ""


class HostDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device node to make in the container; `access` is what its cgroup allows (rwm)."""

    path: str
    type: str
    major: int
    minor: int
    file_mode: int = 0o666
    uid: int = 0
    gid: int = 0
    access: str = "rwm"


class SpecPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`argv` is entrypoint and command together; `env` is image's and container's, merged.

    With `privileged`, `devices` are all of the host's. `shm_path` is the directory that a
    shareable IPC mode or a joined one binds at /dev/shm; without it a private tmpfs is made.
    `block_devices` gives (major, minor) of the paths that the blkio limits name.
    """

    id: str
    config: ContainerConfig
    host: HostConfig
    argv: tuple[str, ...]
    rootfs: str
    cgroups_path: str
    hostname: str = ""
    env: tuple[str, ...] = ()
    link_env: tuple[str, ...] = ()
    cwd: str = "/"
    user: User = User()
    mounts: tuple[SpecMount, ...] = ()
    hosts_path: str = ""
    hostname_path: str = ""
    resolv_conf_path: str = ""
    shm_path: str = ""
    namespaces: Namespaces = Namespaces()
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    cgroup_v2: bool = False
    held_capabilities: frozenset[str] = frozenset(ALL_CAPABILITIES)
    init_path: str = ""
    default_ulimits: tuple[Ulimit, ...] = ()
    no_new_privileges: bool = False
    seccomp_profile: str = ""
    default_seccomp_profile: str = ""
    seccomp_supported: bool = True
    kernel: tuple[int, int] = (6, 1)
    architecture: str = "amd64"
    absent_abis: frozenset[str] = frozenset()
    apparmor_profile: str = ""
    process_label: str = ""
    mount_label: str = ""
    devices: tuple[HostDevice, ...] = ()
    block_devices: Mapping[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
