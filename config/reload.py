"""Says what a reload changes, key by key, before anything is changed."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from config.errors import ConfigError
from config.honoured import STATUS
from config.schema import KEYS, Settings

Verdict = Literal["applied", "unchanged", "needs-restart", "rejected"]

RELOADABLE: frozenset[str] = frozenset({
    # dockerd's own
    "debug", "default-cgroupns-mode", "default-ipc-mode", "default-runtime", "default-shm-size",
    "default-stop-timeout", "features", "insecure-registries", "labels", "live-restore",
    "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts",
    "network-diagnostic-port", "nri-opts", "registry-mirrors", "runtimes", "shutdown-timeout",
    # what users of dockerd wait for: defaults of new containers, pools, retention, proxies
    "builder", "default-address-pools", "default-ulimits", "dns", "dns-opts", "dns-search",
    "events-retention", "init", "init-path", "log-driver", "log-level", "log-opts",
    "no-new-privileges", "proxies", "publish-policy", "seccomp-profile", "timeline-retention",
})  # fmt: skip
"""Keys that take effect without a restart."""

_RECORDED = "it was recorded at the first start of this data root"
FIXED: dict[str, str] = {
    "bridge": _RECORDED,
    "containerd-namespace": _RECORDED,
    "containerd-plugin-namespace": _RECORDED,
}
"""Keys that no reload and no restart changes, with the reason: a file that asks for it is refused."""

UNHEARD = "accepted but not honoured yet"


class Change(msgspec.Struct, frozen=True):
    """What a reload does with one key."""

    key: str
    old: Any
    new: Any
    verdict: Verdict
    reason: str = ""


def diff(old: Settings, new: Settings) -> list[Change]:
    """Compare two valid configurations key by key, in the order of the schema. Changes nothing."""
    return [
        _change(key, getattr(old, attribute), getattr(new, attribute))
        for key, attribute in KEYS.items()
    ]


def apply(old: Settings, new: Settings) -> Settings:
    """The settings after the reload: `old` with the changes of verdict `applied`."""
    changes = {
        KEYS[change.key]: change.new for change in diff(old, new) if change.verdict == "applied"
    }
    return msgspec.structs.replace(old, **changes)


def refused(old: Settings, error: ConfigError) -> list[Change]:
    """The report of a reload whose configuration was refused: the reason, and nothing changed."""
    value = getattr(old, KEYS[error.key]) if error.key in KEYS else None
    return [Change(error.key, value, None, "rejected", error.message)]


def refusals(changes: list[Change]) -> list[Change]:
    """Those for which the whole reload is refused."""
    return [change for change in changes if change.verdict == "rejected"]


def _change(key: str, old: Any, new: Any) -> Change:
    if old == new:
        return Change(key, old, new, "unchanged")
    if key in FIXED:
        return Change(key, old, new, "rejected", FIXED[key])
    unheard = "" if STATUS[key] == "honoured" else UNHEARD
    if key in RELOADABLE:
        return Change(key, old, new, "applied", unheard)
    reason = unheard or "it takes effect at the next start"
    return Change(key, old, new, "needs-restart", reason)
