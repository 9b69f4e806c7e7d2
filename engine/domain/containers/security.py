"""HostConfig.SecurityOpt, parsed: labels, AppArmor, seccomp, no-new-privileges."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.errors import InvalidParameter

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class SecurityOptions(msgspec.Struct, frozen=True):
    """`no_new_privileges` is None where the daemon's own default holds."""

    labels: tuple[str, ...] = ()
    apparmor: str = ""
    seccomp: str = ""
    no_new_privileges: bool | None = None
    writable_cgroups: bool = False


def parse_security(options: Iterable[str] | None) -> SecurityOptions:
    """Later options win; raises InvalidParameter with dockerd's texts."""
    labels: list[str] = []
    words = {"apparmor": "", "seccomp": ""}
    flags: dict[str, bool] = {}
    for option in options or ():
        if option == "no-new-privileges":
            flags[option] = True
            continue
        if option == "disable":
            labels.append(option)
            continue
        key, value = _split(option)
        if key == "label":
            labels.append(value)
        elif key in words:
            words[key] = value
        elif key in ("no-new-privileges", "writable-cgroups") and value in _TRUE | _FALSE:
            flags[key] = value in _TRUE
        else:
            raise InvalidParameter(f'invalid --security-opt 2: "{option}"')
    return SecurityOptions(
        labels=tuple(labels),
        apparmor=words["apparmor"],
        seccomp=words["seccomp"],
        no_new_privileges=flags.get("no-new-privileges"),
        writable_cgroups=flags.get("writable-cgroups", False),
    )


def _split(option: str) -> tuple[str, str]:
    """At the first `=`, or, as of old, at the first `:`."""
    for separator in "=:":
        key, found, value = option.partition(separator)
        if found:
            return key, value
    raise InvalidParameter(f'invalid --security-opt 1: "{option}"')
