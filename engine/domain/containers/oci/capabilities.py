"""Which capabilities a container gets: the default set, adds and drops, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from engine.errors import InvalidParameter
from engine.models.containers import HostConfig

ALL = "ALL"

# In the order of their numbers, 0 to 40.
ALL_CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ]
)
_KNOWN = frozenset(ALL_CAPABILITIES)

# CapEff 00000000a80425fb, in dockerd's order.
DEFAULT_CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
)


def names_of_bits(bits: int) -> frozenset[str]:
    """The names of a mask as /proc/PID/status shows it (CapBnd)."""
    return frozenset(name for bit, name in enumerate(ALL_CAPABILITIES) if bits >> bit & 1)


def normalize(names: Iterable[str] | None) -> list[str]:
    """Upper case with CAP_ in front, ALL as it is; raises InvalidParameter for unknown names."""
    normalized = []
    for name in names or ():
        upper = name.upper()
        if upper != ALL:
            upper = upper if upper.startswith("CAP_") else f"CAP_{upper}"
            if upper not in _KNOWN:
                raise InvalidParameter(f'unknown capability: "{upper}"')
        normalized.append(upper)
    return normalized


def wanted(host: HostConfig) -> list[str]:
    """What the container asks for; raises InvalidParameter for unknown names."""
    if host.privileged:
        return list(ALL_CAPABILITIES)
    adds, drops = normalize(host.cap_add), normalize(host.cap_drop)
    if ALL in adds:
        return [name for name in ALL_CAPABILITIES if name not in drops]
    kept: Sequence[str] = () if ALL in drops else DEFAULT_CAPABILITIES
    tweaked = [name for name in kept if name not in drops]
    return list(dict.fromkeys([*tweaked, *adds]))


def granted(host: HostConfig, held: Set[str]) -> list[str]:
    """What of that the daemon can give: no process can pass on what it lacks."""
    return [name for name in wanted(host) if name in held]


def missing(host: HostConfig, held: Set[str]) -> list[str]:
    """What the container asked for by name and does not get; each deserves a warning."""
    asked = set(normalize(host.cap_add))
    return [name for name in wanted(host) if name in asked and name not in held]
