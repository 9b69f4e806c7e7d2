from __future__ import annotations

import pytest

from engine.domain.containers.oci.mounts import build_mounts, rootfs_propagation, tmpfs_options
from engine.domain.containers.oci.plan import SpecMount, SpecPlan
from engine.errors import InvalidParameter
from engine.models.containers import HostConfig
from tests.engine.domain.containers.oci.plans import plan

# destination, type, source, options: dockerd's for a container that asks for nothing.
DOCKERD = [
    ("/proc", "proc", "proc", "nosuid noexec nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
    ("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
    ("/sys/fs/cgroup", "cgroup", "cgroup", "ro nosuid noexec nodev"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    ("/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=67108864"),
    ("/etc/resolv.conf", "bind", "/d/resolv.conf", "rbind rprivate"),
    ("/etc/hostname", "bind", "/d/hostname", "rbind rprivate"),
    ("/etc/hosts", "bind", "/d/hosts", "rbind rprivate"),
]


def rows(of: SpecPlan) -> list[tuple[str, str, str, str]]:
    return [
        (m["destination"], m["type"], m["source"], " ".join(m["options"])) for m in build_mounts(of)
    ]


def options_of(of: SpecPlan, destination: str) -> str:
    return next(row[3] for row in rows(of) if row[0] == destination)


def test_default_mounts_are_dockerds() -> None:
    assert rows(plan()) == DOCKERD


def test_own_mounts_come_by_depth_and_before_the_daemons_files() -> None:
    mine = (
        SpecMount(destination="/a/b/c", source="/s3"),
        SpecMount(destination="/hosttmp", source="/tmp", read_only=True, propagation="rslave"),
        SpecMount(destination="/v", source="/vol"),
        SpecMount(destination="/t", type="tmpfs", options="size=1m"),
    )
    assert [row for row in rows(plan(mounts=mine)) if row not in DOCKERD] == [
        ("/hosttmp", "bind", "/tmp", "rbind ro rslave"),
        ("/v", "bind", "/vol", "rbind"),
        ("/t", "tmpfs", "tmpfs", "noexec nosuid nodev rprivate size=1m"),
        ("/a/b/c", "bind", "/s3", "rbind"),
    ]
    assert rows(plan(mounts=mine))[-1][0] == "/a/b/c"


def test_own_mount_replaces_the_default() -> None:
    of = plan(mounts=(SpecMount(destination="/etc/hosts", source="/mine"),))
    assert [row[2] for row in rows(of) if row[0] == "/etc/hosts"] == ["/mine"]
    dev = plan(mounts=(SpecMount(destination="/dev", source="/dev"),))
    assert [row[0] for row in rows(dev) if row[0].startswith("/dev")] == ["/dev"]


def test_recursive_read_only_and_plain_bind() -> None:
    of = plan(
        mounts=(
            SpecMount(destination="/a", source="/s", read_only=True, read_only_recursive=True),
            SpecMount(destination="/b", source="/s", recursive=False, propagation="private"),
        )
    )
    assert options_of(of, "/a") == "rbind rro"
    assert options_of(of, "/b") == "bind private"


def test_read_only_rootfs_write_protects_the_daemons_files_and_sys() -> None:
    of = plan(host=HostConfig(readonly_rootfs=True))
    assert options_of(of, "/etc/hosts") == "rbind ro rprivate"
    assert "ro" not in options_of(of, "/proc").split()
    assert "ro" not in options_of(of, "/dev/shm").split()


def test_privileged_makes_sys_and_cgroup_writable_even_under_a_read_only_rootfs() -> None:
    of = plan(host=HostConfig(privileged=True, readonly_rootfs=True))
    assert options_of(of, "/sys") == "nosuid noexec nodev"
    assert options_of(of, "/sys/fs/cgroup") == "nosuid noexec nodev"


def test_shared_memory_is_bound_or_missing_by_ipc_mode() -> None:
    bound = plan(shm_path="/d/shm")
    assert rows(bound)[-1] == ("/dev/shm", "bind", "/d/shm", "rbind rprivate")
    none = plan(host=HostConfig(ipc_mode="none"))
    assert "/dev/shm" not in [row[0] for row in rows(none)]


def test_init_is_bound_read_only() -> None:
    assert ("/sbin/docker-init", "bind", "/i", "bind ro") in rows(plan(init_path="/i"))


@pytest.mark.parametrize(
    ("given", "merged"),
    [
        ("", "noexec nosuid nodev rprivate"),
        ("exec,size=1m", "nosuid nodev rprivate exec size=1m"),
        ("size=1,size=2,ro", "noexec nosuid nodev rprivate size=2 ro"),
    ],
)
def test_last_tmpfs_option_wins(given: str, merged: str) -> None:
    assert " ".join(tmpfs_options(given)) == merged


def test_unknown_tmpfs_option_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="invalid tmpfs option"):
        tmpfs_options("fast")


def test_rootfs_has_the_widest_propagation_asked_for() -> None:
    slave = SpecMount(destination="/a", propagation="rslave")
    shared = SpecMount(destination="/b", propagation="shared")
    assert rootfs_propagation([]) == ""
    assert rootfs_propagation([slave]) == "rslave"
    assert rootfs_propagation([slave, shared]) == "shared"
