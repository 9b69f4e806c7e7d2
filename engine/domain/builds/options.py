"""What a client asks of a build, beside its context."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.models.hostconfig import HostConfig, Ulimit
from engine.models.registry import AuthConfig

__all__ = ["BuildOptions"]


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """As the query of `POST /build` has it; bytes for sizes, microseconds for CPU times.

    `arguments` without a value leave the Dockerfile's default. `client_id` is who may cancel it.
    """

    dockerfile: str = ""
    remote: str = ""
    tags: tuple[str, ...] = ()
    quiet: bool = False
    no_cache: bool = False
    cache_from: tuple[str, ...] = ()
    pull: bool = False
    remove: bool = True
    force_remove: bool = False
    squash: bool = False
    target: str = ""
    platform: str = ""
    arguments: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    shm_size: int = 0
    memory: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    ulimits: tuple[Ulimit, ...] = ()
    security: tuple[str, ...] = ()
    isolation: str = ""
    auths: Mapping[str, AuthConfig] = {}
    client_id: str = ""

    def host_config(self) -> HostConfig:
        """What a RUN's container gets. Its output goes to the client alone."""
        return HostConfig(
            network_mode=self.network or "default",
            extra_hosts=list(self.extra_hosts) or None,
            shm_size=self.shm_size,
            memory=self.memory,
            memory_swap=self.memory_swap,
            cpu_shares=self.cpu_shares,
            cpu_period=self.cpu_period,
            cpu_quota=self.cpu_quota,
            cpuset_cpus=self.cpuset_cpus,
            cpuset_mems=self.cpuset_mems,
            cgroup_parent=self.cgroup_parent,
            ulimits=list(self.ulimits) or None,
            security_opt=list(self.security) or None,
            isolation=self.isolation,
        )
