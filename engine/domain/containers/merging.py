"""What a create request leaves open: filled from the image, then from the daemon's defaults. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.domain.containers.oci.build import DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS
from engine.domain.containers.settings import RoomSettings
from engine.errors import InvalidParameter
from engine.models.containers import (
    ContainerConfig,
    HealthcheckConfig,
    HostConfig,
    LogConfig,
    RestartPolicy,
)


def merge(asked: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """The image's values where the request has none, as moby's runconfig merges them.

    InvalidParameter `No command specified` when neither has one.
    """
    entrypoint, command = _arguments(asked, image)
    merged = msgspec.structs.replace(
        asked,
        user=asked.user or image.user,
        exposed_ports={**(image.exposed_ports or {}), **(asked.exposed_ports or {})},
        env=merge_env(asked.env or (), image.env or ()),
        labels={**(image.labels or {}), **(asked.labels or {})},
        entrypoint=entrypoint,
        cmd=command,
        healthcheck=_healthcheck(asked.healthcheck, image.healthcheck),
        working_dir=asked.working_dir or image.working_dir,
        volumes={**(image.volumes or {}), **(asked.volumes or {})} or None,
        stop_signal=asked.stop_signal or image.stop_signal,
        stop_timeout=image.stop_timeout if asked.stop_timeout is None else asked.stop_timeout,
        shell=asked.shell or image.shell,
    )
    if not merged.entrypoint and not merged.cmd:
        raise InvalidParameter("no command specified")
    return merged


def _arguments(
    asked: ContainerConfig, image: ContainerConfig
) -> tuple[list[str] | None, list[str] | None]:
    """The image's command counts only with the image's entrypoint; [""] asks for no entrypoint."""
    entrypoint, command = asked.entrypoint, asked.cmd
    if not entrypoint:
        command = command or image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    if entrypoint == [""]:
        entrypoint = None
    return entrypoint, command


def merge_env(asked: Sequence[str], image: Sequence[str]) -> list[str]:
    names = {entry.partition("=")[0] for entry in asked}
    return [*asked, *(entry for entry in image if entry.partition("=")[0] not in names)]


def _healthcheck(
    asked: HealthcheckConfig | None, image: HealthcheckConfig | None
) -> HealthcheckConfig | None:
    if asked is None or image is None:
        return asked or image
    inherited = {
        name: getattr(asked, name) or getattr(image, name)
        for name in HealthcheckConfig.__struct_fields__
    }
    return HealthcheckConfig(**inherited)


def complete(host: HostConfig, settings: RoomSettings) -> HostConfig:
    """The daemon's defaults for what the request left at its zero value."""
    log = host.log_config
    privileged = host.privileged
    return msgspec.structs.replace(
        host,
        network_mode="bridge" if host.network_mode in ("", "default") else host.network_mode,
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or ("private" if settings.facts.cgroup_v2 else "host"),
        shm_size=host.shm_size or settings.shm_size,
        runtime=host.runtime or settings.default_runtime,
        restart_policy=host.restart_policy
        if host.restart_policy.name
        else RestartPolicy(name="no"),
        log_config=_log(log.type, log.config, settings),
        port_bindings=host.port_bindings or {},
        oom_kill_disable=None if settings.facts.cgroup_v2 else bool(host.oom_kill_disable),
        pids_limit=None if host.pids_limit in (0, -1) else host.pids_limit,
        memory_swap=host.memory * 2
        if host.memory > 0 and host.memory_swap == 0
        else host.memory_swap,
        memory_swappiness=None if host.memory_swappiness == -1 else host.memory_swappiness,
        masked_paths=_paths(host.masked_paths, DEFAULT_MASKED_PATHS, unconfined=privileged),
        readonly_paths=_paths(host.readonly_paths, DEFAULT_READONLY_PATHS, unconfined=privileged),
    )


def _log(driver: str, options: Mapping[str, str], settings: RoomSettings) -> msgspec.Struct:
    """The daemon's options are merged in only where the driver is the daemon's (row 75)."""
    if driver in ("", settings.log_driver):
        return LogConfig(type=settings.log_driver, config={**settings.log_options, **options})
    return LogConfig(type=driver, config=dict(options))


def _paths(
    asked: list[str] | None, default: Sequence[str], *, unconfined: bool
) -> list[str] | None:
    if asked is not None or unconfined:
        return asked
    return list(default)
