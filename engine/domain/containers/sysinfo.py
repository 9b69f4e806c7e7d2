"""SysInfo: what the host's kernel and cgroups can do, as the validation needs to know it."""

from __future__ import annotations

import msgspec

from engine.domain.containers.oci.capabilities import ALL_CAPABILITIES


class SysInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Everything is there by default; `cpus` and `mems` are lists as the kernel writes them."""

    ncpu: int = 1
    cpus: str = "0"
    mems: str = "0"
    memory_limit: bool = True
    swap_limit: bool = True
    memory_reservation: bool = True
    memory_swappiness: bool = True
    oom_kill_disable: bool = True
    cpu_shares: bool = True
    cpu_cfs: bool = True
    cpu_realtime: bool = False
    cpuset: bool = True
    pids_limit: bool = True
    blkio_weight: bool = True
    blkio_weight_device: bool = True
    blkio_read_bps: bool = True
    blkio_write_bps: bool = True
    blkio_read_iops: bool = True
    blkio_write_iops: bool = True
    ipv4_forwarding: bool = True
    cgroup_namespaces: bool = True
    cgroup_v2: bool = False
    systemd_cgroup: bool = False
    seccomp: bool = True
    apparmor: bool = False
    userns_remap: bool = False
    held_capabilities: frozenset[str] = frozenset(ALL_CAPABILITIES)
    runtimes: frozenset[str] = frozenset({"runc", "io.containerd.runc.v2"})
    default_runtime: str = "runc"
    default_shm_size: int = 64 << 20
    default_ipc_mode: str = "private"
    default_cgroupns_mode: str = "host"
