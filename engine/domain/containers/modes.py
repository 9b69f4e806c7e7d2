"""HostConfig's modes: how a container shares namespaces, and which wishes that excludes."""

from __future__ import annotations

from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig

_PREFIX = "container:"


def joined(mode: str) -> str | None:
    """The container that `container:NAME` names, None for any other mode."""
    return mode.removeprefix(_PREFIX) if mode.startswith(_PREFIX) else None


def check_modes(config: ContainerConfig, host: HostConfig) -> None:
    """Raises InvalidParameter with dockerd's texts."""
    _check_network(config, host)
    _check_each(host)


def _check_network(config: ContainerConfig, host: HostConfig) -> None:
    shared = joined(host.network_mode)
    if shared == "":
        raise InvalidParameter("Invalid network mode: invalid container format container:<name|id>")
    if shared is not None and config.hostname:
        _conflict("hostname and the network mode")
    if host.uts_mode == "host" and config.hostname:
        _conflict("hostname and the UTS mode")
    if host.network_mode == "host" and host.links:
        _conflict(
            "host type networking can't be used with links. This would result in undefined behavior"
        )
    if host.network_mode == "host" and config.mac_address:
        _conflict("mac-address and the network mode")
    if shared is not None:
        _check_joined(config, host)


def _check_joined(config: ContainerConfig, host: HostConfig) -> None:
    """The network belongs to the other container: nothing of it can be asked for here."""
    conflicts = (
        (
            host.links,
            "container type network can't be used with links. "
            "This would result in undefined behavior",
        ),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (config.mac_address, "mac-address and the network mode"),
        (
            host.port_bindings or host.publish_all_ports,
            "port publishing and the container type network mode",
        ),
        (config.exposed_ports, "port exposing and the container type network mode"),
    )
    for asked, text in conflicts:
        if asked:
            _conflict(text)


def _check_each(host: HostConfig) -> None:
    if host.isolation not in ("", "default"):
        raise InvalidParameter(
            f"Invalid isolation: \"{host.isolation}\" - linux only supports 'default'"
        )
    if not (host.ipc_mode in ("", "none", "private", "shareable", "host") or joined(host.ipc_mode)):
        raise InvalidParameter(f"invalid IPC mode: {host.ipc_mode}")
    if not (host.pid_mode in ("", "private", "host") or joined(host.pid_mode)):
        raise InvalidParameter(f"invalid PID mode: {host.pid_mode}")
    if host.uts_mode not in ("", "private", "host"):
        raise InvalidParameter(f"invalid UTS mode: {host.uts_mode}")
    if host.userns_mode not in ("", "private", "host"):
        raise InvalidParameter(f"invalid user namespace mode: {host.userns_mode}")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise InvalidParameter(f"invalid cgroup namespace mode: {host.cgroupns_mode}")


def _conflict(what: str) -> None:
    raise InvalidParameter(f"conflicting options: {what}")
