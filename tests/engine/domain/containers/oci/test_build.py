from __future__ import annotations

import json
from typing import Any

import pytest

from engine.domain.containers.oci import HOST, IdMapping, Namespaces, build_spec, encode_spec
from engine.domain.containers.oci.build import DEFAULT_MASKED_PATHS
from engine.domain.containers.oci.plan import SpecPlan
from engine.models.containers import ContainerConfig, HostConfig
from tests.engine.domain.containers.oci.plans import plan

# What dockerd 20.10 gives containerd for `docker run busybox sleep 100`, without its hook.
DEFAULT_CAPS = [
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
]
DOCKERD: dict[str, Any] = {
    "process": {
        "user": {"uid": 0, "gid": 0, "additionalGids": [0]},
        "args": ["sleep", "100"],
        "env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOSTNAME=h",
        ],
        "cwd": "/",
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), DEFAULT_CAPS),
        "oomScoreAdj": 0,
    },
    "root": {"path": "/r"},
    "hostname": "h",
    "linux": {
        "sysctl": {
            "net.ipv4.ip_unprivileged_port_start": "0",
            "net.ipv4.ping_group_range": "0 2147483647",
        },
        "cgroupsPath": "/p/c1",
        "namespaces": [
            {"type": "mount"},
            {"type": "network"},
            {"type": "uts"},
            {"type": "pid"},
            {"type": "ipc"},
        ],
        "readonlyPaths": [
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger",
        ],
    },
}


def linux(of: SpecPlan) -> dict[str, Any]:
    section: dict[str, Any] = build_spec(of)["linux"]
    return section


def test_default_container_is_what_dockerd_builds() -> None:
    spec = build_spec(plan())
    for name in ("process", "root", "hostname"):
        assert spec[name] == DOCKERD[name]
    for name, value in DOCKERD["linux"].items():
        assert spec["linux"][name] == value
    assert "hooks" not in spec
    assert "devices" not in spec["linux"]


def test_spec_is_json() -> None:
    assert json.loads(encode_spec(build_spec(plan()))) == build_spec(plan())


def test_host_namespaces_are_not_listed() -> None:
    namespaces = Namespaces(network=HOST, uts=HOST, pid=HOST, ipc=HOST)
    spec = build_spec(plan(namespaces=namespaces))
    assert spec["linux"]["namespaces"] == [{"type": "mount"}]
    assert "hostname" not in spec
    assert "sysctl" not in spec["linux"]


def test_joined_namespaces_have_their_path() -> None:
    listed = linux(plan(namespaces=Namespaces(network="/n/1", cgroup="")))["namespaces"]
    assert {"type": "network", "path": "/n/1"} in listed
    assert {"type": "cgroup"} in listed


def test_privileged_container_has_no_masks_and_no_seccomp() -> None:
    section = linux(plan(host=HostConfig(privileged=True)))
    assert not {"maskedPaths", "readonlyPaths", "seccomp"} & set(section)


@pytest.mark.parametrize(
    ("asked", "got"),
    [(None, list(DEFAULT_MASKED_PATHS)), ([], None), (["/proc/x"], ["/proc/x"])],
)
def test_masked_paths_can_be_asked_for(asked: list[str] | None, got: list[str] | None) -> None:
    assert linux(plan(host=HostConfig(masked_paths=asked))).get("maskedPaths") == got


def test_own_sysctls_win() -> None:
    host = HostConfig(sysctls={"net.ipv4.ip_unprivileged_port_start": "80"})
    sysctls = linux(plan(host=host, config=ContainerConfig(domainname="nis")))["sysctl"]
    assert sysctls["net.ipv4.ip_unprivileged_port_start"] == "80"
    assert sysctls["kernel.domainname"] == "nis"


def test_user_namespace_has_mappings_and_no_ping_range() -> None:
    section = linux(
        plan(
            namespaces=Namespaces(user=""),
            uid_mappings=(IdMapping(0, 100000, 65536),),
            gid_mappings=(IdMapping(0, 100000, 65536),),
        )
    )
    assert section["uidMappings"] == [{"containerID": 0, "hostID": 100000, "size": 65536}]
    assert {"type": "user"} in section["namespaces"]
    assert "net.ipv4.ping_group_range" not in section["sysctl"]


def test_readonly_rootfs_and_annotations() -> None:
    host = HostConfig(readonly_rootfs=True, annotations={"a": "b"})
    spec = build_spec(plan(host=host, annotations={"c": "d"}))
    assert spec["root"] == {"path": "/r", "readonly": True}
    assert spec["annotations"] == {"a": "b", "c": "d"}
