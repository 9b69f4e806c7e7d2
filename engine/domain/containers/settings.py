"""The daemon-wide settings that the containers room needs, already validated."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.domain.system.facts import Facts


class RoomSettings(msgspec.Struct, frozen=True):
    """`cgroup_parent` is a cgroupfs path; `runtimes` maps names to containerd runtime and binary."""

    engine_id: str
    facts: Facts
    data_root: Path
    exec_root: Path
    snapshotter: str
    cgroup_parent: str
    default_runtime: str = "runc"
    runtimes: dict[str, str] = {"runc": ""}
    log_driver: str = "json-file"
    log_options: dict[str, str] = {}
    dns: list[str] = []
    dns_options: list[str] = []
    dns_search: list[str] = []
    init: bool = False
    init_path: str = ""
    shm_size: int = 64 << 20
    ulimits: dict[str, tuple[int, int]] = {}
    no_new_privileges: bool = False
    seccomp_profile: str = ""
