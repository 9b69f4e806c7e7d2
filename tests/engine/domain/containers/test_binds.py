from __future__ import annotations

import msgspec
import pytest

from engine.domain.containers.binds import (
    MountSpec,
    inherit,
    parse_bind,
    parse_mount,
    parse_volumes_from,
    resolve_mounts,
    source_missing,
)
from engine.domain.containers.oci.plan import SpecMount
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.mounts import BindOptions, DriverConfig, Mount, TmpfsOptions, VolumeOptions

WRONG = "invalid volume specification: "
ABSOLUTE = "mount path must be absolute"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", f"{WRONG}''"),
        ("x:", f"{WRONG}'x:'"),
        (":/y", f"{WRONG}':/y'"),
        ("/y:ro", f"{WRONG}'/y:ro'"),
        ("/s:/y:ro:x", f"{WRONG}'/s:/y:ro:x'"),
        ("/s:/y:foo", "invalid mode: foo"),
        (
            "x",
            f"""{WRONG}'x': invalid mount config for type "volume": invalid mount path: 'x' {ABSOLUTE}""",
        ),
        (
            "/a:b",
            f"""{WRONG}'/a:b': invalid mount config for type "bind": invalid mount path: 'b' {ABSOLUTE}""",
        ),
        (
            "/s:/",
            f"""{WRONG}'/s:/': invalid mount config for type "bind": invalid specification: destination can't be '/'""",
        ),
        (
            "vol1:/y:rshared",
            f"""{WRONG}'vol1:/y:rshared': invalid mount config for type "volume": field BindOptions must not be specified""",
        ),
        (
            "/s:/y:nocopy",
            f"""{WRONG}'/s:/y:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified""",
        ),
    ],
)
def test_bad_binds_are_refused_with_dockerds_texts(raw: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_bind(raw)
    assert str(caught.value) == text


def test_path_is_a_bind_whose_source_is_made() -> None:
    assert parse_bind("/a/../s/:/y/../z/:rslave,ro") == MountSpec(
        type="bind",
        source="/s",
        destination="/z",
        mode="rslave,ro",
        read_only=True,
        propagation="rslave",
        create_source=True,
    )


def test_name_is_a_volume_that_is_filled_from_the_image() -> None:
    mount = parse_bind("vol1:/y")
    assert (mount.type, mount.name, mount.driver, mount.mode) == ("volume", "vol1", "", "z")
    assert mount.copy_up
    assert not mount.anonymous
    assert not parse_bind("vol1:/y:nocopy").copy_up
    assert parse_bind("vol1:/y", volume_driver="d").driver == "d"


def test_destination_alone_is_an_anonymous_volume() -> None:
    mount = parse_bind("/x")
    assert (mount.type, mount.destination, mount.anonymous) == ("volume", "/x", True)


def test_mounts_carry_their_options() -> None:
    bind = parse_mount(
        Mount(
            type="bind",
            source="/s",
            target="/y",
            read_only=True,
            bind_options=BindOptions(non_recursive=True, create_mountpoint=True),
        )
    )
    assert (bind.recursive, bind.create_source, bind.read_only) == (False, True, True)
    volume = parse_mount(
        Mount(
            type="volume",
            source="vol3",
            target="/y",
            volume_options=VolumeOptions(
                no_copy=True,
                labels={"a": "b"},
                driver_config=DriverConfig(name="d", options={"k": "v"}),
            ),
        )
    )
    assert (volume.driver, volume.driver_options, volume.labels) == ("d", {"k": "v"}, {"a": "b"})
    assert not volume.copy_up
    tmpfs = parse_mount(
        Mount(type="tmpfs", target="/y", tmpfs_options=TmpfsOptions(size_bytes=4096))
    )
    assert tmpfs.options == "size=4k"


def test_missing_source_of_a_mount_has_its_text() -> None:
    assert str(source_missing("/x")) == (
        'invalid mount config for type "bind": bind source path does not exist: /x'
    )


def test_volumes_from_has_a_mode_without_propagation() -> None:
    assert parse_volumes_from("c") == ("c", "rw")
    assert parse_volumes_from("c:ro") == ("c", "ro")
    for bad in ("c:x", "c:rshared", "c:nocopy"):
        with pytest.raises(InvalidParameter, match="invalid mode: "):
            parse_volumes_from(bad)


def test_inherited_mount_is_never_more_writable() -> None:
    mount = parse_bind("vol1:/y:ro")
    assert inherit(mount, "rw").read_only
    assert inherit(parse_bind("vol1:/y"), "ro").read_only


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (HostConfig(binds=["/s:/y", "vol1:/y/"]), "/y"),
        (HostConfig(binds=["/s:/y"], tmpfs={"/y": ""}), "/y"),
        (
            HostConfig(
                mounts=[Mount(type="tmpfs", target="/y"), Mount(type="tmpfs", target="/y/")]
            ),
            "/y/",
        ),
        (
            HostConfig(binds=["/s:/y"], mounts=[Mount(type="bind", source="/s", target="/y")]),
            "/y",
        ),
    ],
)
def test_duplicates_are_refused(host: HostConfig, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve_mounts(ContainerConfig(), host)
    assert str(caught.value) == f"Duplicate mount point: {text}"


def test_image_volumes_give_way_to_anything() -> None:
    config = ContainerConfig(volumes={"/y": {}, "/t": {}, "/from": {}, "/v/": {}})
    host = HostConfig(binds=["/s:/y"], tmpfs={"/t": "size=1m"})
    inherited = [MountSpec(type="volume", name="other", destination="/from")]
    mounts = {m.destination: m for m in resolve_mounts(config, host, inherited=inherited)}
    assert {path: mount.type for path, mount in mounts.items()} == {
        "/from": "volume",
        "/y": "bind",
        "/t": "tmpfs",
        "/v": "volume",
    }
    assert mounts["/from"].name == "other"
    assert mounts["/v"].anonymous
    assert mounts["/v"].mode == ""


def test_own_mounts_win_over_inherited_ones() -> None:
    inherited = [MountSpec(type="volume", name="other", destination="/y")]
    [mount] = resolve_mounts(ContainerConfig(), HostConfig(binds=["/s:/y"]), inherited=inherited)
    assert mount.source == "/s"


def test_binds_are_private_except_around_the_data_root() -> None:
    host = HostConfig(binds=["/:/a", "/data/x:/b", "/database:/c", "/data:/d:rshared"])
    mounts = resolve_mounts(ContainerConfig(), host, data_root="/data")
    assert [m.propagation for m in mounts] == ["rslave", "rslave", "rprivate", "rshared"]
    with pytest.raises(InvalidParameter, match='must use either propagation mode "rslave"'):
        resolve_mounts(ContainerConfig(), HostConfig(binds=["/:/a:private"]), data_root="/data")


def test_mount_becomes_the_specs_and_inspects() -> None:
    mount = parse_bind("vol1:/y:ro")
    assert mount.spec_mount("/v/vol1/_data") == SpecMount(
        destination="/y", source="/v/vol1/_data", read_only=True
    )
    assert mount.spec_mount("/v", recursive_read_only=True).read_only_recursive
    assert msgspec.json.encode(mount.mount_point("/v/vol1/_data")) == (
        b'{"Type":"volume","Name":"vol1","Source":"/v/vol1/_data","Destination":"/y",'
        b'"Driver":"local","Mode":"ro","RW":false,"Propagation":""}'
    )


def test_mount_round_trips_through_the_store() -> None:
    mount = parse_bind("/s:/y:ro")
    assert msgspec.json.decode(msgspec.json.encode(mount), type=MountSpec) == mount
