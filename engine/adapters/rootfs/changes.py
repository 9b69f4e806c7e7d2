"""What a container's own overlay directory changes of the layers below it, as a list and as a layer's tar.

Only the upper directory is walked, so the cost is that of the changes and not of the image.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

from engine.adapters.rootfs.layers import Layers
from engine.adapters.rootfs.tarring import TarWriter
from engine.errors import NotImplementedHere
from engine.models.files import Change, Kind

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
REDIRECTS = ("trusted.overlay.redirect", "trusted.overlay.metacopy")


class Found(msgspec.Struct, frozen=True):
    """One entry of the upper: its parent's descriptor, its name, path and state; `opaque` hides what is below."""

    parent: int
    name: str
    path: str
    stat: os.stat_result
    lowers: tuple[str, ...]
    opaque: bool = False

    @property
    def whiteout(self) -> bool:
        return stat.S_ISCHR(self.stat.st_mode) and self.stat.st_rdev == 0


def walk(layers: Layers) -> Iterator[Found]:
    """Parents before children; `lowers` are the directories below that the parent is merged from."""
    root = os.open(layers.upper, DIRECTORY)
    yield from _walk(root, "", layers.lowers)


def _walk(fd: int, path: str, lowers: tuple[str, ...]) -> Iterator[Found]:
    stack = [(fd, path, lowers, iter(sorted(os.listdir(fd))))]
    try:
        while stack:
            fd, path, lowers, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
                os.close(fd)
                continue
            found = _look(fd, name, f"{path}/{name}", lowers)
            if found is None:
                continue
            yield found
            if stat.S_ISDIR(found.stat.st_mode):
                child = os.open(name, DIRECTORY, dir_fd=fd)
                below = () if found.opaque else merged(lowers, name)
                stack.append((child, found.path, below, iter(sorted(os.listdir(child)))))
    finally:
        for fd, *_ in stack:
            os.close(fd)


def _look(fd: int, name: str, path: str, lowers: tuple[str, ...]) -> Found | None:
    try:
        state = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not stat.S_ISDIR(state.st_mode):
            return Found(fd, name, path, state, lowers)
        child = os.open(name, DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        return None  # gone meanwhile
    try:
        attributes = os.listxattr(child)
        if any(each in attributes for each in REDIRECTS):
            raise NotImplementedHere(f"{path}: directories renamed by overlay redirects")
        opaque = any(each in attributes and os.getxattr(child, each) == b"y" for each in OPAQUE)
        return Found(fd, name, path, state, lowers, opaque)
    finally:
        os.close(child)


def merged(lowers: Sequence[str], name: str) -> tuple[str, ...]:
    """The directories that `name` is merged from, from the top down; none when it is no directory."""
    found = []
    for lower in lowers:
        place = os.path.join(lower, name)
        try:
            state = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISDIR(state.st_mode):
            break
        found.append(place)
        if any(_opaque(place, each) for each in OPAQUE):
            break
    return tuple(found)


def below(lowers: Sequence[str], name: str) -> os.stat_result | None:
    """What the image has at `name`, None for nothing."""
    for lower in lowers:
        try:
            state = os.lstat(os.path.join(lower, name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        return None if stat.S_ISCHR(state.st_mode) and state.st_rdev == 0 else state
    return None


def _opaque(path: str, name: str) -> bool:
    try:
        return os.getxattr(path, name, follow_symlinks=False) == b"y"
    except OSError:
        return False


def changes(layers: Layers) -> list[Change]:
    """In dockerd's terms, by path. A directory that only holds changes is itself not one."""
    found: dict[str, Kind] = {}
    for each in walk(layers):
        kind = _kind(each)
        if kind is None:
            continue
        _parents(found, each.path)
        found[each.path] = kind
        if each.opaque and kind is Kind.MODIFIED:
            found |= dict.fromkeys(_hidden(each), Kind.DELETED)
    return [Change(path, found[path]) for path in sorted(found)]


def _kind(each: Found) -> Kind | None:
    before = below(each.lowers, each.name)
    if each.whiteout:
        return Kind.DELETED if before is not None else None
    if before is None:
        return Kind.ADDED
    both = stat.S_ISDIR(before.st_mode) and stat.S_ISDIR(each.stat.st_mode)
    same = before.st_mode == each.stat.st_mode and before.st_mtime_ns == each.stat.st_mtime_ns
    return None if both and same and not each.opaque else Kind.MODIFIED


def _parents(found: dict[str, Kind], path: str) -> None:
    parent = os.path.dirname(path)
    while parent != "/" and parent not in found:
        found[parent] = Kind.MODIFIED
        parent = os.path.dirname(parent)


def _hidden(each: Found) -> list[str]:
    """The image's entries of an opaque directory that it has not anew."""
    names: set[str] = set()
    for lower in merged(each.lowers, each.name):
        names.update(os.listdir(lower))
    child = os.open(each.name, DIRECTORY, dir_fd=each.parent)
    try:
        kept = set(os.listdir(child))
    finally:
        os.close(child)
    return [f"{each.path}/{name}" for name in names - kept]


def write_layer(layers: Layers, out: int) -> None:
    """The changes as a layer's tar: whiteouts as `.wh.NAME`, opaque directories with `.wh..wh..opq`."""
    writer = TarWriter(out)
    for each in walk(layers):
        shown = each.path.lstrip("/")
        if each.whiteout:
            parent, _, name = shown.rpartition("/")
            writer.whiteout(f"{parent}/.wh.{name}".lstrip("/"), each.stat.st_mtime)
            continue
        writer.add(each.parent, each.name, shown, each.stat)
        if each.opaque and below(each.lowers, each.name) is not None:
            writer.whiteout(f"{shown}/.wh..wh..opq", each.stat.st_mtime)
    writer.finish()
