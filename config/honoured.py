"""Says what trimarand does with each key: honours it, accepts it with a warning, or refuses it.

A key that is parsed and does nothing is said so at start; one whose absence would silently drop a
protection is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from config.errors import ConfigError
from config.origins import Origin
from config.schema import KEYS, Settings

Status = Literal["honoured", "accepted", "refused"]

_HONOURED = frozenset({
    "api-half-open", "api-header-timeout", "authorization-plugins",
    "bip", "bip6", "bridge", "default-gateway", "default-gateway-v6", "default-address-pools", "default-network-opts", "firewall-backend", "fixed-cidr", "fixed-cidr-v6",
    "ipv6", "publish-policy", "userland-proxy", "cgroup-parent", "containerd", "events-retention", "features", "icc", "ip", "ip-forward",
    "ip-masq", "iptables", "containerd-namespace", "containerd-plugin-namespace",
    "data-root", "debug", "default-cgroupns-mode", "default-ipc-mode", "default-runtime", "default-ulimits", "default-shm-size", "dns",
    "dns-opts", "dns-search", "exec-root", "experimental", "group", "hosts", "init", "init-path", "labels",
    "insecure-registries", "metrics-addr", "operator-addr", "live-restore", "log-driver", "log-level", "log-opts",
    "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts",
    "mtu", "no-new-privileges", "pidfile", "plugin-sockets", "plugin-specs", "proxies", "registry-mirrors",
    "runtimes", "seccomp-profile", "shutdown-timeout", "storage-collection", "tls", "tlscacert", "tlscert", "tlskey",
    "tlsverify", "timeline-retention",
})  # fmt: skip

REFUSED: dict[str, str] = {
    "rootless": "rootless mode is not there yet; run trimarand as root",
    "selinux-enabled": "containers would run without their SELinux labels; leave it false",
    "userns-remap": "containers would run as the host's root; leave it empty",
}
"""Keys that are refused when set to something other than their default, with what to do instead."""

REMOVED: dict[str, str] = {
    "cluster-advertise": 'classic Swarm is gone; use "docker swarm init"',
    "cluster-store": 'classic Swarm is gone; use "docker swarm init"',
    "cluster-store-opts": 'classic Swarm is gone; use "docker swarm init"',
    "deprecated-key-path": "the engine's ID is kept in the data root",
    "graph": 'use "data-root"',
    "oom-score-adjust": "use OOMScoreAdjust= in the systemd unit",
}
"""Keys that older daemons of dockerd knew, with what to use instead."""

REMOVED_FLAGS: dict[str, str] = {
    "cluster-advertise": "cluster-advertise",
    "cluster-store": "cluster-store",
    "cluster-store-opt": "cluster-store-opts",
    "graph": "graph",
    "g": "graph",
    "oom-score-adjust": "oom-score-adjust",
}
"""The same as flags: flag (or its letter) -> key."""

STATUS: dict[str, Status] = {
    key: "honoured" if key in _HONOURED else "refused" if key in REFUSED else "accepted"
    for key in KEYS
}


def removed(name: str, key: str) -> ConfigError:
    """The refusal of a key, or flag, that is no more."""
    return ConfigError(f"{name} is not supported: {REMOVED[key]}", key=key)


def check_refused(settings: Settings) -> None:
    """Refuse a key whose absence would drop a protection."""
    default = Settings()
    for key, instead in REFUSED.items():
        if getattr(settings, KEYS[key]) != getattr(default, KEYS[key]):
            raise ConfigError(f"{key} is not supported: {instead}", key=key)


def warnings(settings: Settings, origins: Mapping[str, Origin]) -> list[str]:
    """One line for each key that was set to something and does nothing yet."""
    default = Settings()
    return [
        f'"{key}" is accepted but not honoured yet (set {_by(origins[key])})'
        for key in _explicit(origins)
        if STATUS[key] == "accepted" and getattr(settings, KEYS[key]) != getattr(default, KEYS[key])
    ]


def _explicit(origins: Mapping[str, Origin]) -> Iterable[str]:
    return (key for key in KEYS if origins.get(key, Origin.DEFAULT) is not Origin.DEFAULT)


def _by(origin: Origin) -> str:
    return "by a flag" if origin is Origin.FLAG else "in the configuration file"
