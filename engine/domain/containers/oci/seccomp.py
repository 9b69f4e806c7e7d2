"""Seccomp: a profile in moby's format, resolved for one container to the spec's section.

The default profile is `seccomp_default.json` beside this module, in the same format as what
clients send with `--security-opt seccomp=`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import field

from engine.domain.containers.oci.plan import SpecPlan
from engine.errors import InvalidParameter
from engine.models import gojson
from engine.models.wire import Wire

UNCONFINED = "unconfined"
BUILTIN = ("", "builtin", "default")

_NATIVE = {
    "386": "SCMP_ARCH_X86",
    "amd64": "SCMP_ARCH_X86_64",
    "arm": "SCMP_ARCH_ARM",
    "arm64": "SCMP_ARCH_AARCH64",
    "mips64": "SCMP_ARCH_MIPS64",
    "mips64le": "SCMP_ARCH_MIPSEL64",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "riscv64": "SCMP_ARCH_RISCV64",
    "s390x": "SCMP_ARCH_S390X",
}


class _Camel(Wire, frozen=True, rename="camel"):
    pass


class Architecture(_Camel, frozen=True):
    architecture: str = ""
    sub_architectures: list[str] = field(default_factory=list)


class Conditions(_Camel, frozen=True):
    """For includes all have to hold (one of the arches), for excludes one is enough."""

    caps: list[str] = field(default_factory=list)
    arches: list[str] = field(default_factory=list)
    min_kernel: str = ""


class Argument(_Camel, frozen=True):
    index: int = field(default_factory=int)
    value: int = field(default_factory=int)
    value_two: int = 0
    op: str = field(default_factory=str)


class Rule(_Camel, frozen=True):
    name: str = ""
    names: list[str] = field(default_factory=list)
    action: str = ""
    errno_ret: int | None = None
    args: list[Argument] = field(default_factory=list)
    includes: Conditions = field(default_factory=Conditions)
    excludes: Conditions = field(default_factory=Conditions)


class Profile(_Camel, frozen=True):
    default_action: str = ""
    default_errno_ret: int | None = None
    listener_path: str = ""
    listener_metadata: str = ""
    flags: list[str] = field(default_factory=list)
    architectures: list[str] = field(default_factory=list)
    arch_map: list[Architecture] = field(default_factory=list)
    syscalls: list[Rule] = field(default_factory=list)


def resolve_profile(plan: SpecPlan, bounding: list[str]) -> dict[str, Any] | None:
    """linux.seccomp, or None for unconfined; what it gives is shared, so not to be changed.

    Raises InvalidParameter for a profile that cannot be read.
    """
    chosen = plan.seccomp_profile
    if chosen == UNCONFINED or (plan.host.privileged and chosen == ""):
        return None
    if not plan.seccomp_supported:
        if chosen in BUILTIN:
            return None
        raise InvalidParameter(
            "seccomp is not enabled in your kernel, cannot run a custom seccomp profile"
        )
    if chosen == "":
        chosen = plan.default_seccomp_profile
    if chosen == UNCONFINED:
        return None
    text = "" if chosen in BUILTIN else chosen
    return _resolved(
        text, tuple(sorted(bounding)), plan.kernel, plan.architecture, plan.absent_abis
    )


def check_profile(profile: str) -> None:
    """Raise InvalidParameter if a client's profile cannot be read."""
    if profile != UNCONFINED and profile not in BUILTIN:
        _parsed(profile)


@lru_cache(maxsize=64)
def _resolved(
    text: str,
    caps: tuple[str, ...],
    kernel: tuple[int, int],
    architecture: str,
    absent: frozenset[str],
) -> dict[str, Any] | None:
    profile = _parsed(text) if text else _default()
    if not profile.default_action and not profile.syscalls:
        return None
    held = frozenset(caps)
    section: dict[str, Any] = {
        "defaultAction": profile.default_action,
        "defaultErrnoRet": profile.default_errno_ret,
        "architectures": _architectures(profile, architecture, absent),
        "flags": profile.flags,
        "listenerPath": profile.listener_path,
        "listenerMetadata": profile.listener_metadata,
        "syscalls": [
            _syscall(rule)
            for rule in profile.syscalls
            if _included(rule.includes, held, kernel, architecture)
            and not _excluded(rule.excludes, held, kernel, architecture)
        ],
    }
    return {name: value for name, value in section.items() if value not in (None, "", [])}


@lru_cache(maxsize=1)
def _default() -> Profile:
    data = files(__package__).joinpath("seccomp_default.json").read_bytes()
    return gojson.read(data, Profile)


@lru_cache(maxsize=16)
def _parsed(text: str) -> Profile:
    try:
        profile = gojson.read(text.encode(), Profile)
    except msgspec.MsgspecError as error:
        raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
    if profile.architectures and profile.arch_map:
        raise InvalidParameter(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    if any(rule.name and rule.names for rule in profile.syscalls):
        raise InvalidParameter(
            "both 'name' and 'names' are specified in the seccomp profile, "
            "use either 'name' or 'names'"
        )
    return profile


def _architectures(profile: Profile, architecture: str, absent: frozenset[str]) -> list[str]:
    """What the kernel does not have is left out: each costs runc 2 to 4 ms at every start and exec."""
    native = _NATIVE.get(architecture, "")
    for each in profile.arch_map:
        if each.architecture == native:
            return [
                each.architecture,
                *(sub for sub in each.sub_architectures if sub not in absent),
            ]
    return profile.architectures


def _syscall(rule: Rule) -> dict[str, Any]:
    syscall: dict[str, Any] = {
        "names": rule.names or [rule.name],
        "action": rule.action,
    }
    if rule.errno_ret is not None:
        syscall["errnoRet"] = rule.errno_ret
    if rule.args:
        syscall["args"] = msgspec.to_builtins(rule.args)
    return syscall


def _included(
    wanted: Conditions, held: frozenset[str], kernel: tuple[int, int], architecture: str
) -> bool:
    return (
        (not wanted.arches or architecture in wanted.arches)
        and held.issuperset(wanted.caps)
        and (not wanted.min_kernel or kernel >= _version(wanted.min_kernel))
    )


def _excluded(
    unwanted: Conditions, held: frozenset[str], kernel: tuple[int, int], architecture: str
) -> bool:
    return (
        architecture in unwanted.arches
        or not held.isdisjoint(unwanted.caps)
        or (bool(unwanted.min_kernel) and kernel >= _version(unwanted.min_kernel))
    )


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdigit()):
        raise InvalidParameter(f"Decoding seccomp profile failed: invalid kernel version: {text}")
    return int(major), int(minor)
