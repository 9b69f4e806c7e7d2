"""The machine as the rooms know it."""

from __future__ import annotations

import msgspec


class Facts(msgspec.Struct, frozen=True):
    """`memory` in bytes; `kernel` is (major, minor); `architecture` as Go names it."""

    machine: str
    architecture: str
    kernel_release: str
    kernel: tuple[int, int]
    operating_system: str
    os_version: str
    cpus: int
    memory: int
    cgroup_v2: bool
    controllers: frozenset[str]
    capabilities: frozenset[str]
    seccomp: bool
    apparmor: bool
    swap_limit: bool
    ipv4_forwarding: bool
    absent_abis: frozenset[str] = frozenset()
    """The architectures, as libseccomp names them, whose calls this kernel cannot take."""
