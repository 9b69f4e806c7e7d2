"""The spec's mounts: dockerd's defaults, the container's own over them, and the daemon's files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.domain.containers.oci.plan import SpecMount, SpecPlan
from engine.domain.containers.oci.process import INIT_IN_CONTAINER, wants_init
from engine.errors import InvalidParameter

Mount = dict[str, Any]

_TMPFS_DEFAULTS = ("noexec", "nosuid", "nodev", "rprivate")
# Left writable under a read-only rootfs.
_ALWAYS_WRITABLE = frozenset({"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"})

# The options that tmpfs takes: name to the group in which the last one wins.
_TMPFS_FLAGS = {
    **dict.fromkeys(("exec", "noexec"), "exec"),
    **dict.fromkeys(("suid", "nosuid"), "suid"),
    **dict.fromkeys(("dev", "nodev"), "dev"),
    **dict.fromkeys(("ro", "rw"), "ro"),
    **dict.fromkeys(("sync", "async"), "sync"),
    **dict.fromkeys(("dirsync",), "dirsync"),
    **dict.fromkeys(("mand", "nomand"), "mand"),
    **dict.fromkeys(("atime", "noatime"), "atime"),
    **dict.fromkeys(("diratime", "nodiratime"), "diratime"),
    **dict.fromkeys(("relatime", "norelatime"), "relatime"),
    **dict.fromkeys(("strictatime", "nostrictatime"), "strictatime"),
    **dict.fromkeys(("bind", "rbind"), "bind"),
    **dict.fromkeys(("remount", "defaults"), "defaults"),
    **dict.fromkeys(("private", "rprivate"), "propagation"),
    **dict.fromkeys(("shared", "rshared"), "propagation"),
    **dict.fromkeys(("slave", "rslave"), "propagation"),
    **dict.fromkeys(("unbindable", "runbindable"), "propagation"),
}
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"})


def build_mounts(plan: SpecPlan) -> list[Mount]:
    """In mount order: defaults, init, then the container's by depth of their paths."""
    own = [_own(mount) for mount in (*plan.mounts, *_daemons(plan))]
    own.sort(key=lambda mount: _depth(mount["destination"]))
    taken = {mount["destination"] for mount in own}
    mounts = [mount for mount in _defaults(plan) if not _covered(mount["destination"], taken)]
    if plan.host.readonly_rootfs:
        _write_protect(mounts)
    if plan.host.privileged or plan.uid_mappings:
        _open_up(mounts, privileged=plan.host.privileged)
    return [*mounts, *_init(plan), *own]


def rootfs_propagation(mounts: Iterable[SpecMount]) -> str:
    """runc gives mounts their propagation only if the rootfs itself has as much."""
    asked = {mount.propagation for mount in mounts}
    if asked & {"shared", "rshared"}:
        return "shared"
    return "rslave" if asked & {"slave", "rslave"} else ""


def tmpfs_options(options: str) -> list[str]:
    """dockerd's defaults with `options` over them; raises InvalidParameter for unknown ones."""
    merged: list[str] = []
    seen: set[str] = set()
    for option in reversed([*_TMPFS_DEFAULTS, *(each for each in options.split(",") if each)]):
        name, equals, _ = option.partition("=")
        group = _TMPFS_FLAGS.get(option, "")
        if not group and not (equals and name in _TMPFS_VALUES):
            raise InvalidParameter(f'invalid tmpfs option ["{option}"]')
        key = group or name
        if key not in seen:
            seen.add(key)
            merged.append(option)
    return merged[::-1]


def _defaults(plan: SpecPlan) -> list[Mount]:
    mounts = [
        _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            *("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev"),
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
    ]
    if not plan.shm_path and plan.host.ipc_mode != "none":
        size = f"size={plan.host.shm_size or 64 << 20}"
        mounts.append(
            _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", size)
        )
    return mounts


def _daemons(plan: SpecPlan) -> list[SpecMount]:
    """The files and the shared memory that the daemon keeps for the container."""
    files = (
        ("/etc/resolv.conf", plan.resolv_conf_path),
        ("/etc/hostname", plan.hostname_path),
        ("/etc/hosts", plan.hosts_path),
    )
    own = {mount.destination for mount in plan.mounts}
    mounts = [
        SpecMount(
            destination=destination,
            source=source,
            read_only=plan.host.readonly_rootfs,
            propagation="rprivate",
        )
        for destination, source in files
        if source and destination not in own
    ]
    if plan.shm_path and "/dev/shm" not in own:
        mounts.append(
            SpecMount(destination="/dev/shm", source=plan.shm_path, propagation="rprivate")
        )
    return mounts


def _init(plan: SpecPlan) -> list[Mount]:
    if not wants_init(plan):
        return []
    return [_mount(INIT_IN_CONTAINER, "bind", plan.init_path, "bind", "ro")]


def _own(mount: SpecMount) -> Mount:
    if mount.type == "tmpfs":
        options = tmpfs_options(mount.options)
        if mount.read_only and "ro" not in options:
            options.append("ro")
        return _mount(mount.destination, "tmpfs", "tmpfs", *options)
    options = ["rbind" if mount.recursive else "bind"]
    if mount.read_only:
        options.append("rro" if mount.read_only_recursive else "ro")
    if mount.propagation:
        options.append(mount.propagation)
    return _mount(mount.destination, "bind", mount.source, *options)


def _mount(destination: str, kind: str, source: str, *options: str) -> Mount:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def _depth(path: str) -> int:
    return path.rstrip("/").count("/")


def _covered(destination: str, taken: set[str]) -> bool:
    """A container's own /dev also replaces what would be mounted below it."""
    return destination in taken or ("/dev" in taken and destination.startswith("/dev/"))


def _write_protect(mounts: list[Mount]) -> None:
    for mount in mounts:
        if mount["destination"] not in _ALWAYS_WRITABLE and "ro" not in mount["options"]:
            mount["options"].append("ro")


def _open_up(mounts: list[Mount], *, privileged: bool) -> None:
    for mount in mounts:
        if mount["type"] == "cgroup" or (privileged and mount["type"] == "sysfs"):
            mount["options"] = [option for option in mount["options"] if option != "ro"]
