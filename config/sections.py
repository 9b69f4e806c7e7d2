"""The nested parts of the configuration: runtimes, pools, ulimits, proxies, builder, retention, collection."""

from __future__ import annotations

from typing import Any

import msgspec


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An OCI runtime: a binary with arguments, or a containerd shim with options."""

    path: str = ""
    args: tuple[str, ...] = msgspec.field(default=(), name="runtimeArgs")
    type: str = msgspec.field(default="", name="runtimeType")
    options: dict[str, Any] = {}


class AddressPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range that networks are cut from: `base` as a CIDR, `size` as a prefix length."""

    base: str
    size: int


class Ulimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """A resource limit in its own unit; -1 is unlimited."""

    name: str
    soft: int
    hard: int


class Proxies(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="kebab"
):
    """What the daemon itself uses to reach registries, before the environment's variables."""

    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


class BuilderGCRule(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """One rule of the build cache's collection; sizes are texts such as `10GB` or `20%`."""

    all: bool = False
    filter: tuple[str, ...] = ()
    keep_storage: str = ""
    keep_duration: str = ""
    reserved_space: str = ""
    max_used_space: str = ""
    min_free_space: str = ""


class BuilderGC(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """When and how far the build cache is collected."""

    enabled: bool | None = None
    default_keep_storage: str = ""
    default_reserved_space: str = ""
    default_max_used_space: str = ""
    default_min_free_space: str = ""
    policy: tuple[BuilderGCRule, ...] = ()


class BuilderHistory(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """How long the records of finished builds are kept."""

    max_age: str | int = ""
    max_entries: int = 0


class Builder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The build cache and what builds are allowed."""

    gc: BuilderGC = BuilderGC()
    entitlements: dict[str, bool] = {}
    history: BuilderHistory = BuilderHistory()


class StorageCollection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What of the disk comes back by itself. Times in seconds, in the file also as Go durations ("10m").

    When `high` percent of the file system are in use (0: never), images that no container uses go until
    `low` percent are left in use; those with a label of `keep` (`name` or `name=value`) never, and none
    before `min-age`. With `dry-run` events tell what would go. `reserve`: the bytes that loads and pulls
    leave free.
    """

    grace: int = 600
    interval: int = 3600
    high: int = 0
    low: int = 0
    keep: tuple[str, ...] = ()
    min_age: int = 3600
    dry_run: bool = False
    reserve: int = 64 << 20


class EventsRetention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the event log is kept: the first limit reached decides; 0 is no limit."""

    count: int = 100_000
    age: int = 30 * 24 * 3600  # seconds; the file and the flag take Go durations ("720h") too
    bytes: int = 64 << 20  # the file and the flag take sizes ("64m") too
