"""Plans for the tests of the spec builder."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.domain.containers.oci.plan import SpecPlan
from engine.models.containers import ContainerConfig, HostConfig

PLAN = SpecPlan(
    id="c1",
    config=ContainerConfig(),
    host=HostConfig(oom_kill_disable=False, shm_size=64 << 20),
    argv=("sleep", "100"),
    rootfs="/r",
    cgroups_path="/p/c1",
    hostname="h",
    hosts_path="/d/hosts",
    hostname_path="/d/hostname",
    resolv_conf_path="/d/resolv.conf",
)


def plan(*, host: HostConfig | None = None, **changes: Any) -> SpecPlan:
    return replace(PLAN, host=host or PLAN.host, **changes)
