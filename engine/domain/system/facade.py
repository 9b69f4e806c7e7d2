"""All that routes may import of the system room: version and info."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from engine.domain.logs.drivers import DRIVERS
from engine.domain.logs.timestamps import format_nano
from engine.domain.system.facts import Facts
from engine.domain.system.tallies import HOST, Tallies
from engine.models.system import (
    Commit,
    Component,
    ContainerdInfo,
    ContainerdNamespaces,
    Info,
    Plugins,
    RegistryConfig,
    Runtime,
    Version,
)


class Census(Protocol):
    """How many of what there is."""

    def counts(self) -> tuple[int, int, int]: ...


class Identity(msgspec.Struct, frozen=True):
    """What was decided at start, as /info and /version show it."""

    engine_id: str
    version: str
    commit: str
    build_time: str
    api_version: str
    min_api_version: str
    data_root: Path
    snapshotter: str
    cgroup_driver: str
    log_driver: str
    default_runtime: str
    runtimes: dict[str, str]
    labels: list[str]
    live_restore: bool
    debug: bool
    init_binary: str
    containerd_address: str
    namespace: str
    plugin_namespace: str
    registry_config: RegistryConfig
    http_proxy: str
    https_proxy: str
    no_proxy: str
    authorization: list[str] = []
    experimental: bool = False


class System:
    """`containerd` asks its version (and answers empty while it is away)."""

    def __init__(
        self,
        identity: Identity,
        facts: Facts,
        *,
        census: Census,
        images: Callable[[], int],
        listeners: Callable[[], int],
        containerd: Callable[[], Awaitable[tuple[str, str]]],
        runc: Callable[[], Awaitable[tuple[str, str]]],
        volume_drivers: Callable[[], Sequence[str]] = lambda: ("local",),
        log_drivers: Callable[[], Sequence[str]] = lambda: DRIVERS,
        network_drivers: Callable[[], Sequence[str]] = lambda: ("bridge", "host", "null"),
        tallies: Tallies | None = None,
    ) -> None:
        self.identity = identity
        self.facts = facts
        self._census = census
        self._images = images
        self._listeners = listeners
        self._containerd = containerd
        self._runc = runc
        self._volume_drivers = volume_drivers
        self._log_drivers = log_drivers
        self._network_drivers = network_drivers
        self._tallies = tallies or Tallies()

    async def version(self) -> Version:
        with self._tallies.timing(HOST, "system_version"):
            return await self._version()

    async def info(self) -> Info:
        with self._tallies.timing(HOST, "system_info"):
            return await self._info()

    async def _version(self) -> Version:
        who, facts = self.identity, self.facts
        details = {
            "ApiVersion": who.api_version,
            "Arch": facts.architecture,
            "BuildTime": who.build_time,
            "Experimental": "true" if who.experimental else "false",
            "GitCommit": who.commit,
            "GoVersion": "",
            "KernelVersion": facts.kernel_release,
            "MinAPIVersion": who.min_api_version,
            "Os": "linux",
        }
        containerd, runc = await self._containerd(), await self._runc()
        return Version(
            components=[
                Component(name="Engine", version=who.version, details=details),
                Component(
                    name="containerd", version=containerd[0], details={"GitCommit": containerd[1]}
                ),
                Component(name="runc", version=runc[0], details={"GitCommit": runc[1]}),
            ],
            version=who.version,
            api_version=who.api_version,
            min_api_version=who.min_api_version,
            git_commit=who.commit,
            os="linux",
            arch=facts.architecture,
            kernel_version=facts.kernel_release,
            experimental=who.experimental,
            build_time=who.build_time,
        )

    async def _info(self) -> Info:
        who, facts = self.identity, self.facts
        running, paused, stopped = self._census.counts()
        containerd, runc = await self._containerd(), await self._runc()
        return Info(
            id=who.engine_id,
            containers=running + paused + stopped,
            containers_running=running,
            containers_paused=paused,
            containers_stopped=stopped,
            images=self._images(),
            driver=who.snapshotter,
            driver_status=[("driver-type", "io.containerd.snapshotter.v1")],
            plugins=Plugins(
                volume=list(self._volume_drivers()),
                network=list(self._network_drivers()),
                authorization=self.identity.authorization or None,
                log=list(self._log_drivers()),
            ),
            memory_limit=self._has("memory"),
            swap_limit=facts.swap_limit,
            cpu_cfs_period=self._has("cpu"),
            cpu_cfs_quota=self._has("cpu"),
            cpu_shares=self._has("cpu"),
            cpu_set=self._has("cpuset"),
            pids_limit=self._has("pids"),
            ipv4_forwarding=facts.ipv4_forwarding,
            debug=who.debug,
            experimental_build=who.experimental,
            n_fd=open_files(),
            n_goroutines=0,
            oom_kill_disable=not facts.cgroup_v2,
            system_time=format_nano(time.time_ns()),
            logging_driver=who.log_driver,
            cgroup_driver=who.cgroup_driver,
            cgroup_version="2" if facts.cgroup_v2 else "1",
            n_events_listener=self._listeners(),
            kernel_version=facts.kernel_release,
            operating_system=facts.operating_system,
            os_version=facts.os_version,
            os_type="linux",
            architecture=facts.machine,
            registry_config=who.registry_config,
            http_proxy=who.http_proxy,
            https_proxy=who.https_proxy,
            no_proxy=who.no_proxy,
            n_cpu=facts.cpus,
            mem_total=facts.memory,
            docker_root_dir=str(who.data_root),
            name=socket.gethostname(),
            labels=who.labels,
            server_version=who.version,
            runtimes={name: Runtime(path=path or name) for name, path in who.runtimes.items()},
            default_runtime=who.default_runtime,
            live_restore_enabled=who.live_restore,
            init_binary=who.init_binary,
            containerd_commit=Commit(id=containerd[1]),
            runc_commit=Commit(id=runc[1]),
            security_options=self._security(),
            containerd=ContainerdInfo(
                address=who.containerd_address,
                namespaces=ContainerdNamespaces(
                    containers=who.namespace, plugins=who.plugin_namespace
                ),
            ),
        )

    def _has(self, controller: str) -> bool:
        return controller in self.facts.controllers

    def _security(self) -> list[str]:
        options = ["name=seccomp,profile=builtin"] if self.facts.seccomp else []
        if self.facts.apparmor:
            options.insert(0, "name=apparmor")
        if self.facts.cgroup_v2:
            options.append("name=cgroupns")
        return options


def open_files() -> int:
    """How many descriptors the daemon holds; procfs does not block."""
    return len(os.listdir("/proc/self/fd"))
