"""Whether a create request can be: everything that needs no look at the host or at other objects.

Texts and order are dockerd's. What is only unsupported becomes a warning and is discarded.
"""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Callable

import msgspec

from engine.domain.containers import binds
from engine.domain.containers.limits import check_limits
from engine.domain.containers.modes import check_modes
from engine.domain.containers.oci.build import DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS
from engine.domain.containers.oci.capabilities import missing, normalize
from engine.domain.containers.oci.seccomp import check_profile
from engine.domain.containers.portspecs import check_bindings
from engine.domain.containers.security import parse_security
from engine.domain.containers.signals import parse_signal
from engine.domain.containers.sysinfo import SysInfo
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig, RestartPolicy, Ulimit
from engine.models.networks import NetworkingConfig

_MILLISECOND = 1_000_000  # in nanoseconds
_RESTARTS = frozenset({"", "no", "always", "unless-stopped", "on-failure"})
_ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)


class Checked(msgspec.Struct, frozen=True):
    """A host config that is ready to be kept: defaults filled in, the unsupported taken out."""

    host: HostConfig
    warnings: list[str]


def check_create(
    config: ContainerConfig,
    host: HostConfig,
    networking: NetworkingConfig | None,
    *,
    api_version: tuple[int, ...],
    info: SysInfo,
) -> Checked:
    """Raises InvalidParameter."""
    if config == ContainerConfig():
        raise InvalidParameter("Config cannot be empty in order to create a container")
    check_modes(config, host)
    _check_config(config)
    check_restart(host.restart_policy, auto_remove=host.auto_remove)
    for extra in host.extra_hosts or ():
        _check_extra_host(extra)
    check_bindings(host.port_bindings or {})
    _check_capabilities(host)
    host, warnings = check_limits(host, info)
    warnings += _check_platform(host, info)
    check_profile(parse_security(host.security_opt).seccomp)
    binds.resolve_mounts(config, host)
    for link in host.links or ():
        parse_link(link)
    for spec in host.volumes_from or ():
        binds.parse_volumes_from(spec)
    _check_networking(networking, api_version)
    return Checked(_with_defaults(host, info), warnings)


def validate_create(
    config: ContainerConfig,
    host: HostConfig,
    networking: NetworkingConfig | None,
    *,
    api_version: tuple[int, ...],
    info: SysInfo,
) -> list[str]:
    """The warnings alone; raises InvalidParameter."""
    return check_create(config, host, networking, api_version=api_version, info=info).warnings


def check_restart(policy: RestartPolicy, *, auto_remove: bool) -> None:
    """Serves create and update; raises InvalidParameter."""
    if auto_remove and policy.name not in ("", "no"):
        raise InvalidParameter("can't create 'AutoRemove' container with restart policy")
    if policy.name not in _RESTARTS:
        raise InvalidParameter(f"invalid restart policy '{policy.name}'")
    if policy.name in ("always", "unless-stopped", "no") and policy.maximum_retry_count:
        raise InvalidParameter(
            f"maximum retry count cannot be used with restart policy '{policy.name}'"
        )
    if policy.maximum_retry_count < 0:
        raise InvalidParameter("maximum retry count cannot be negative")


def parse_link(link: str) -> tuple[str, str]:
    """`CONTAINER[:ALIAS]`, or `/container:/parent/alias` as inspect shows it."""
    if not link:
        raise InvalidParameter("empty string specified for links")
    parts = link.split(":")
    if len(parts) > 2:
        raise InvalidParameter(f"bad format for links: {link}")
    name, alias = parts[0], parts[-1]
    if name.startswith("/") and len(parts) == 2:
        return name[1:], posixpath.basename(alias)
    return name, alias


def _check_config(config: ContainerConfig) -> None:
    if config.working_dir and not posixpath.isabs(config.working_dir):
        raise InvalidParameter(
            f"the working directory '{config.working_dir}' is invalid, "
            "it needs to be an absolute path"
        )
    for variable in config.env or ():
        if not variable.partition("=")[0]:
            raise InvalidParameter(f"invalid environment variable: {variable}")
    if config.stop_signal:
        parse_signal(config.stop_signal)
    _check_health(config)


def _check_health(config: ContainerConfig) -> None:
    health = config.healthcheck
    if health is None:
        return
    durations = {
        "Interval": health.interval,
        "Timeout": health.timeout,
        "StartPeriod": health.start_period,
        "StartInterval": health.start_interval,
    }
    for name, duration in durations.items():
        if duration and duration < _MILLISECOND:
            raise InvalidParameter(f"{name} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        raise InvalidParameter("Retries in Healthcheck cannot be negative")


def _check_extra_host(extra: str) -> None:
    """`NAME:ADDRESS` or `NAME=ADDRESS`, an IPv6 address with or without brackets."""
    cut = min((at for at in (extra.find(":"), extra.find("=")) if at >= 0), default=-1)
    name, address = extra[:cut], extra[cut + 1 :]
    if cut <= 0 or not name:
        raise InvalidParameter(f'bad format for add-host: "{extra}"')
    if address == "host-gateway":
        return
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if not _is_address(bare, ipaddress.ip_address):
        raise InvalidParameter(f'invalid IP address in add-host: "{address}"')


def _check_capabilities(host: HostConfig) -> None:
    for name, value in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        try:
            normalize(value)
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid {name}: {error}") from error


def _check_platform(host: HostConfig, info: SysInfo) -> list[str]:
    warnings = []
    if host.storage_opt:
        raise InvalidParameter(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        )
    if host.shm_size < 0:
        raise InvalidParameter("SHM size can not be less than 0")
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidParameter(
            f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    if not info.ipv4_forwarding and host.network_mode not in ("host", "none"):
        warnings.append("IPv4 forwarding is disabled. Networking will not work.")
    if host.network_mode == "host" and host.port_bindings:
        warnings.append("Published ports are discarded when using host network mode")
    if info.userns_remap and host.userns_mode != "host":
        _check_remapped(host)
    if info.systemd_cgroup and host.cgroup_parent and not host.cgroup_parent.endswith(".slice"):
        raise InvalidParameter(
            'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        )
    if host.runtime and host.runtime not in info.runtimes:
        raise InvalidParameter(f"Unknown runtime specified {host.runtime}")
    for limit in host.ulimits or ():
        _check_ulimit(limit)
    warnings += [
        f"The daemon does not hold the capability {name}. Capability discarded."
        for name in missing(host, info.held_capabilities)
    ]
    return warnings


def _check_remapped(host: HostConfig) -> None:
    if host.privileged:
        raise InvalidParameter(
            "privileged mode is incompatible with user namespaces.  You must run the container "
            "in the host namespace when running privileged mode"
        )
    if host.network_mode == "host":
        raise InvalidParameter(
            "cannot share the host's network namespace when user namespaces are enabled"
        )
    if host.pid_mode == "host":
        raise InvalidParameter(
            "cannot share the host PID namespace when user namespaces are enabled"
        )


def _check_ulimit(limit: Ulimit) -> None:
    """dockerd leaves this to runc, which says it only at start and less clearly."""
    if limit.name not in _ULIMITS:
        raise InvalidParameter(f"invalid ulimit type: {limit.name}")
    if limit.hard >= 0 and (limit.soft > limit.hard or limit.soft < 0):
        raise InvalidParameter(
            "ulimit soft limit must be less than or equal to hard limit: "
            f"{limit.soft} > {limit.hard}"
        )


def _check_networking(networking: NetworkingConfig | None, api_version: tuple[int, ...]) -> None:
    endpoints = (networking.endpoints_config if networking else None) or {}
    if len(endpoints) > 1 and api_version < (1, 44):
        raise InvalidParameter(
            f"Container cannot be connected to network endpoints: {', '.join(sorted(endpoints))}"
        )
    for name, endpoint in endpoints.items():
        if endpoint is None:
            raise InvalidParameter(f"no EndpointSettings for {name}")
        wanted = endpoint.ipam_config
        if wanted is None:
            continue
        if wanted.ipv4_address and not _is_address(wanted.ipv4_address, ipaddress.IPv4Address):
            raise InvalidParameter(f"invalid IPv4 address: {wanted.ipv4_address}")
        if wanted.ipv6_address and not _is_address(wanted.ipv6_address, ipaddress.IPv6Address):
            raise InvalidParameter(f"invalid IPv6 address: {wanted.ipv6_address}")
        for local in wanted.link_local_ips:
            if not _is_address(local, ipaddress.ip_address):
                raise InvalidParameter(f"invalid link-local IP address: {local}")


def _is_address(text: str, kind: Callable[[str], object]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _with_defaults(host: HostConfig, info: SysInfo) -> HostConfig:
    """What dockerd's inspect shows for a request that says nothing."""
    swap = host.memory_swap
    if host.memory > 0 and swap == 0:
        swap = 2 * host.memory
    masked, readonly = host.masked_paths, host.readonly_paths
    if not host.privileged:
        masked = list(DEFAULT_MASKED_PATHS) if masked is None else masked
        readonly = list(DEFAULT_READONLY_PATHS) if readonly is None else readonly
    disabled = host.oom_kill_disable
    if disabled is None and info.oom_kill_disable and not info.cgroup_v2:
        disabled = False
    return msgspec.structs.replace(
        host,
        memory_swap=swap,
        network_mode=host.network_mode or "default",
        ipc_mode=host.ipc_mode or info.default_ipc_mode,
        cgroupns_mode=host.cgroupns_mode
        or ("host" if host.privileged and not info.cgroup_v2 else info.default_cgroupns_mode),
        shm_size=host.shm_size or info.default_shm_size,
        runtime=host.runtime or info.default_runtime,
        oom_kill_disable=disabled,
        masked_paths=masked,
        readonly_paths=readonly,
    )
