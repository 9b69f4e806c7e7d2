"""Whether an entry of HostConfig.Mounts is well formed, with dockerd's texts."""

from __future__ import annotations

import posixpath

from engine.domain.containers.bindmodes import PROPAGATIONS
from engine.errors import InvalidParameter
from engine.models.mounts import Mount, TmpfsOptions


class _Malformed(Exception):
    """What is wrong, before it is known how the whole text reads."""


def check_mount(mount: Mount) -> None:
    """Raises InvalidParameter: `invalid mount config for type "bind": ...`."""
    try:
        _check(mount)
    except _Malformed as error:
        raise InvalidParameter(f'invalid mount config for type "{mount.type}": {error}') from error


def check_destination(path: str) -> None:
    """For a key of HostConfig.Tmpfs; raises InvalidParameter."""
    try:
        _check_target(path)
    except _Malformed as error:
        raise InvalidParameter(str(error)) from error


def clean(path: str) -> str:
    """The shortest form of an absolute path, as Go's filepath.Clean gives it."""
    # normpath keeps two leading slashes, as POSIX allows.
    return posixpath.normpath("/" + path.lstrip("/"))


def tmpfs_text(options: TmpfsOptions | None) -> str:
    """The options as mount(8) takes them, the size with the largest unit that divides it."""
    if options is None:
        return ""
    parts = []
    if options.size_bytes:
        parts.append(f"size={_sized(options.size_bytes)}")
    if options.mode:
        parts.append(f"mode={options.mode:o}")
    parts += ["=".join(option) for option in options.options]
    return ",".join(parts)


def _check(mount: Mount) -> None:
    if not mount.target:
        raise _Malformed("field Target must not be empty")
    _check_target(mount.target)
    checks = {
        "bind": _check_bind,
        "volume": _check_volume,
        "tmpfs": _check_tmpfs,
        "image": _check_image,
    }
    if mount.type not in checks:
        raise _Malformed("mount type unknown")
    checks[mount.type](mount)


def _check_target(path: str) -> None:
    if posixpath.isabs(path) and clean(path) == "/":
        raise _Malformed("invalid specification: destination can't be '/'")
    _check_absolute(path)


def _check_absolute(path: str) -> None:
    if not posixpath.isabs(path):
        raise _Malformed(f"invalid mount path: '{path}' mount path must be absolute")


def _check_bind(mount: Mount) -> None:
    if not mount.source:
        raise _Malformed("field Source must not be empty")
    propagation = mount.bind_options.propagation if mount.bind_options else ""
    if propagation and propagation not in PROPAGATIONS:
        raise _Malformed(f"invalid propagation mode: {propagation}")
    _forbid(mount, "VolumeOptions", "ImageOptions")
    _check_absolute(mount.source)


def _check_volume(mount: Mount) -> None:
    _forbid(mount, "BindOptions", "ImageOptions")
    if mount.volume_options and mount.volume_options.subpath:
        _check_subpath(mount.volume_options.subpath)
    if not mount.source and mount.read_only:
        raise _Malformed("must not set ReadOnly mode when using anonymous volumes")


def _check_tmpfs(mount: Mount) -> None:
    _forbid(mount, "BindOptions", "ImageOptions")
    if mount.source:
        raise _Malformed("field Source must not be specified")
    if mount.tmpfs_options and mount.tmpfs_options.size_bytes < 0:
        raise _Malformed("invalid tmpfs size: must not be negative")


def _check_image(mount: Mount) -> None:
    _forbid(mount, "BindOptions", "VolumeOptions", "TmpfsOptions")
    if not mount.source:
        raise _Malformed("field Source must not be empty")
    if mount.image_options and mount.image_options.subpath:
        _check_subpath(mount.image_options.subpath)


def _check_subpath(path: str) -> None:
    inside = posixpath.normpath(path)
    if posixpath.isabs(path) or inside == ".." or inside.startswith("../"):
        raise _Malformed("subpath must be a relative path within the volume")


def _forbid(mount: Mount, *names: str) -> None:
    options = {
        "BindOptions": mount.bind_options,
        "VolumeOptions": mount.volume_options,
        "ImageOptions": mount.image_options,
        "TmpfsOptions": mount.tmpfs_options,
    }
    for name in names:
        if options[name] is not None:
            raise _Malformed(f"field {name} must not be specified")


def _sized(size: int) -> str:
    for suffix, unit in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)
