"""The daemon-wide settings that the containers room needs, already validated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.domain.containers.sysinfo import SysInfo
from engine.domain.system.facts import Facts
from engine.models.containers import Ulimit


class RoomSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`cgroup_parent` is a cgroupfs path; `runtimes` maps names to binaries ("" is runc), `shims` to
    containerd runtimes other than runc's."""

    engine_id: str
    facts: Facts
    info: SysInfo
    data_root: Path
    exec_root: Path
    snapshotter: str
    cgroup_parent: str
    default_runtime: str = "runc"
    runtimes: Mapping[str, str] = msgspec.field(default_factory=lambda: {"runc": ""})
    shims: Mapping[str, str] = msgspec.field(default_factory=dict)
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = msgspec.field(default_factory=dict)
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    init: bool = False
    init_path: str = ""
    shm_size: int = 64 << 20
    ulimits: tuple[Ulimit, ...] = ()
    no_new_privileges: bool = False
    seccomp_profile: str = ""
    live_restore: bool = False
