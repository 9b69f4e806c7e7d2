"""What is mounted into a container: -v strings, Mounts, Tmpfs and the image's volumes.

Pure: sources are not looked at. A `MountSpec` says what the caller has to make or to check.
The texts are dockerd's.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

import msgspec

from engine.domain.containers.bindmodes import Mode, parse_mode, valid_mode
from engine.domain.containers.mountconfig import check_destination, check_mount, clean, tmpfs_text
from engine.domain.containers.oci.plan import SpecMount
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.mounts import Mount, MountPoint

DEFAULT_PROPAGATION = "rprivate"


class MountSpec(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One mount of a container, fit for the store.

    `type` is bind (`source` is a host path), volume (`name`, empty for one still to be named),
    tmpfs (`options`) or image (`source` is its reference; once it is found, `name` is, and `source`
    where it is put together). `create_source` is what -v does with
    a missing host directory; without it a missing source is `source_missing`. `anonymous` marks
    volumes that go with their container, `copy_up` those that an empty volume is filled for.
    """

    type: str
    destination: str
    source: str = ""
    name: str = ""
    driver: str = ""
    driver_options: dict[str, str] = msgspec.field(default_factory=dict)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    mode: str = ""
    read_only: bool = False
    propagation: str = ""
    recursive: bool = True
    read_only_recursive: bool = True
    create_source: bool = False
    copy_up: bool = False
    anonymous: bool = False
    subpath: str = ""
    options: str = ""
    image_id: str = ""
    layer: str = ""

    def spec_mount(self, source: str = "", *, recursive_read_only: bool = False) -> SpecMount:
        """For the OCI spec; `source` is where the volume or the image is on the host."""
        return SpecMount(
            destination=self.destination,
            source=source or self.source,
            type="tmpfs" if self.type == "tmpfs" else "bind",
            read_only=self.read_only,
            read_only_recursive=recursive_read_only and self.read_only_recursive,
            recursive=self.recursive,
            propagation=self.propagation,
            options=self.options,
        )

    def mount_point(self, source: str = "") -> MountPoint:
        """For inspect; `source` is where the volume is on the host."""
        return MountPoint(
            type=self.type,
            name=self.name,
            source=source or self.source,
            destination=self.destination,
            driver=self.driver or ("local" if self.type == "volume" else ""),
            mode=self.mode,
            rw=not self.read_only,
            propagation=self.propagation,
        )


def source_missing(path: str) -> InvalidParameter:
    """The error of a --mount whose source is not there."""
    return InvalidParameter(
        f'invalid mount config for type "bind": bind source path does not exist: {path}'
    )


def parse_bind(raw: str, *, volume_driver: str = "") -> MountSpec:
    """`[SOURCE:]DESTINATION[:MODE]`; raises InvalidParameter."""
    source, target, text = _split(raw)
    mode = parse_mode(text)
    kind = "bind" if posixpath.isabs(source) else "volume"
    try:
        if kind == "volume" and mode.propagation:
            raise InvalidParameter(
                'invalid mount config for type "volume": field BindOptions must not be specified'
            )
        if kind == "bind" and mode.no_copy:
            raise InvalidParameter(
                'invalid mount config for type "bind": field VolumeOptions must not be specified'
            )
        check_mount(Mount(type=kind, source=source, target=target))
    except InvalidParameter as error:
        raise InvalidParameter(f"{_invalid(raw)}: {error}") from error
    if kind == "bind":
        return _path_bind(source, target, text, mode)
    return MountSpec(
        type="volume",
        destination=clean(target),
        name=source,
        driver=volume_driver,
        mode=text or "z",
        read_only=mode.read_only,
        copy_up=not mode.no_copy,
        anonymous=not source,
    )


def parse_mount(mount: Mount) -> MountSpec:
    """An entry of HostConfig.Mounts; raises InvalidParameter."""
    check_mount(mount)
    destination = clean(mount.target)
    if mount.type == "bind":
        return _mounted_path(mount, destination)
    if mount.type == "tmpfs":
        return MountSpec(
            type="tmpfs",
            destination=destination,
            read_only=mount.read_only,
            options=tmpfs_text(mount.tmpfs_options),
        )
    if mount.type == "image":
        subpath = mount.image_options.subpath if mount.image_options else ""
        return MountSpec(
            type="image",
            destination=destination,
            source=mount.source,
            read_only=mount.read_only,
            subpath=subpath,
        )
    return _mounted_volume(mount, destination)


def parse_volumes_from(spec: str) -> tuple[str, str]:
    """`CONTAINER[:MODE]` to both; the mode is rw or ro, with a label at most."""
    if not spec:
        raise InvalidParameter("volumes-from specification cannot be an empty string")
    container, colon, mode = spec.partition(":")
    if not colon:
        return container, "rw"
    if not mode or not valid_mode(mode):
        raise InvalidParameter(f"invalid mode: {mode}")
    parsed = parse_mode(mode)
    if parsed.propagation or parsed.no_copy:
        raise InvalidParameter(f"invalid mode: {mode}")
    return container, mode


def inherit(mount: MountSpec, mode: str) -> MountSpec:
    """A mount of another container as --volumes-from takes it over: never more writable."""
    read_only = mount.read_only or parse_mode(mode).read_only
    return msgspec.structs.replace(mount, read_only=read_only, copy_up=False, mode="")


def resolve_mounts(
    config: ContainerConfig,
    host: HostConfig,
    *,
    inherited: Iterable[MountSpec] = (),
    data_root: str = "",
) -> list[MountSpec]:
    """All mounts of a container; later kinds win over inherited ones, none over a duplicate.

    `config` is the image's and the container's merged. Raises InvalidParameter.
    """
    mounts = {mount.destination: mount for mount in inherited}
    tmpfs = _tmpfs(host.tmpfs)
    taken: set[str] = set()
    for raw in host.binds or ():
        mount = parse_bind(raw, volume_driver=host.volume_driver)
        if mount.destination in taken or mount.destination in tmpfs:
            raise InvalidParameter(f"Duplicate mount point: {mount.destination}")
        taken.add(mount.destination)
        mounts[mount.destination] = _beside_data_root(mount, data_root)
    for each in host.mounts:
        mount = parse_mount(each)
        if mount.destination in taken:
            raise InvalidParameter(f"Duplicate mount point: {each.target}")
        taken.add(mount.destination)
        mounts[mount.destination] = _beside_data_root(mount, data_root)
    for destination, mount in (*tmpfs.items(), *_volumes(config, host).items()):
        if destination not in taken and (mount.type == "tmpfs" or destination not in mounts):
            mounts[destination] = mount
    return list(mounts.values())


def _split(raw: str) -> tuple[str, str, str]:
    parts = raw.split(":")
    if not parts[0] or len(parts) > 3:
        raise InvalidParameter(_invalid(raw))
    if len(parts) == 1:
        return "", parts[0], ""
    if len(parts) == 2:
        if valid_mode(parts[1]):  # a destination with a mode and no source
            raise InvalidParameter(_invalid(raw))
        return parts[0], parts[1], ""
    return parts[0], parts[1], parts[2]


def _invalid(raw: str) -> str:
    return f"invalid volume specification: '{raw}'"


def _path_bind(source: str, target: str, text: str, mode: Mode) -> MountSpec:
    return MountSpec(
        type="bind",
        destination=clean(target),
        source=clean(source),
        mode=text,
        read_only=mode.read_only,
        propagation=mode.propagation,
        create_source=True,
    )


def _mounted_path(mount: Mount, destination: str) -> MountSpec:
    options = mount.bind_options
    return MountSpec(
        type="bind",
        destination=destination,
        source=clean(mount.source),
        read_only=mount.read_only,
        propagation=options.propagation if options else "",
        recursive=not (options and options.non_recursive),
        read_only_recursive=not (options and options.read_only_non_recursive),
        create_source=bool(options and options.create_mountpoint),
    )


def _mounted_volume(mount: Mount, destination: str) -> MountSpec:
    options = mount.volume_options
    driver = options.driver_config if options else None
    return MountSpec(
        type="volume",
        destination=destination,
        name=mount.source,
        driver=driver.name if driver else "",
        driver_options=driver.options if driver else {},
        labels=options.labels if options else {},
        mode="z",
        read_only=mount.read_only,
        copy_up=not (options and options.no_copy),
        anonymous=not mount.source,
        subpath=options.subpath if options else "",
    )


def _tmpfs(wanted: Mapping[str, str]) -> dict[str, MountSpec]:
    for destination in wanted:
        check_destination(destination)
    return {
        clean(destination): MountSpec(type="tmpfs", destination=clean(destination), options=options)
        for destination, options in wanted.items()
    }


def _volumes(config: ContainerConfig, host: HostConfig) -> dict[str, MountSpec]:
    """The image's (and the create request's) volumes: anonymous, unless something is there."""
    return {
        clean(destination): MountSpec(
            type="volume",
            destination=clean(destination),
            driver=host.volume_driver,
            copy_up=True,
            anonymous=True,
        )
        for destination in config.volumes or {}
        if clean(destination) != "/"
    }


def _beside_data_root(mount: MountSpec, data_root: str) -> MountSpec:
    """A bind that contains the data root, or lies in it, must not keep our mounts busy."""
    if mount.type != "bind":
        return mount
    if not data_root or not (_within(mount.source, data_root) or _within(data_root, mount.source)):
        return msgspec.structs.replace(mount, propagation=mount.propagation or DEFAULT_PROPAGATION)
    if mount.propagation not in ("", "rslave", "rshared"):
        raise InvalidParameter(
            'invalid mount config: must use either propagation mode "rslave" or "rshared" when '
            f'mount source is within the daemon root, daemon root: "{data_root}", '
            f'bind mount source: "{mount.source}", propagation: "{mount.propagation}"'
        )
    return msgspec.structs.replace(mount, propagation=mount.propagation or "rslave")


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(parent.rstrip("/") + "/")
