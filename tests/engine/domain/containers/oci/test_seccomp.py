from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from engine.domain.containers.oci.capabilities import DEFAULT_CAPABILITIES
from engine.domain.containers.oci.plan import SpecPlan
from engine.domain.containers.oci.seccomp import check_profile, resolve_profile
from engine.errors import InvalidParameter
from engine.models.containers import HostConfig
from tests.engine.domain.containers.oci.plans import plan


def resolved(*extra: str, of: SpecPlan | None = None) -> dict[str, Any]:
    section = resolve_profile(of or plan(), [*DEFAULT_CAPABILITIES, *extra])
    assert section is not None
    return section


def rules_of(section: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in rule.items() if key != "names"}
        for rule in section["syscalls"]
        if name in rule["names"]
    ]


def test_default_profile_refuses_what_it_does_not_list() -> None:
    section = resolved()
    assert section["defaultAction"] == "SCMP_ACT_ERRNO"
    assert section["defaultErrnoRet"] == 1
    assert section["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert rules_of(section, "read") == [{"action": "SCMP_ACT_ALLOW"}]
    assert rules_of(section, "io_uring_setup") == []
    assert rules_of(section, "mount") == []


def test_architectures_that_the_kernel_lacks_are_left_out() -> None:
    lacking = replace(plan(), absent_abis=frozenset({"SCMP_ARCH_X32"}))
    assert resolved(of=lacking)["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]


def test_clone_without_namespaces_and_no_clone3() -> None:
    section = resolved()
    assert rules_of(section, "clone") == [
        {
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 0x7E020000, "op": "SCMP_CMP_MASKED_EQ"}],
        }
    ]
    assert rules_of(section, "clone3") == [{"action": "SCMP_ACT_ERRNO", "errnoRet": 38}]


def test_capabilities_open_their_syscalls() -> None:
    admin = resolved("CAP_SYS_ADMIN")
    assert rules_of(admin, "clone") == [{"action": "SCMP_ACT_ALLOW"}]
    assert rules_of(admin, "clone3") == [{"action": "SCMP_ACT_ALLOW"}]
    assert rules_of(admin, "mount")
    assert rules_of(resolved("CAP_SYS_TIME"), "settimeofday")
    assert rules_of(resolved(), "chroot")
    without = resolve_profile(plan(), [])
    assert without is not None
    assert rules_of(without, "chroot") == []


def test_kernel_and_architecture_conditions() -> None:
    assert rules_of(resolved(), "ptrace")
    assert rules_of(resolved(of=plan(kernel=(4, 7))), "ptrace") == []
    arm = resolved(of=plan(architecture="arm64"))
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert rules_of(arm, "set_tls")
    assert rules_of(arm, "arch_prctl") == []


def test_unconfined_and_privileged_have_none() -> None:
    assert resolve_profile(plan(seccomp_profile="unconfined"), []) is None
    privileged = HostConfig(privileged=True)
    assert resolve_profile(plan(host=privileged), []) is None
    assert resolve_profile(plan(host=privileged, seccomp_profile="builtin"), []) is not None
    assert resolve_profile(plan(default_seccomp_profile="unconfined"), []) is None


def test_kernel_without_seccomp_runs_all_but_custom_profiles() -> None:
    assert resolve_profile(plan(seccomp_supported=False), []) is None
    with pytest.raises(InvalidParameter, match="seccomp is not enabled in your kernel"):
        resolve_profile(plan(seccomp_supported=False, seccomp_profile="{}"), [])


def test_custom_profile_in_mobys_format() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"name": "chmod", "action": "SCMP_ACT_ERRNO", "args": None},
            {
                "names": ["read"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 0,
                "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_GT"}],
                "comment": "",
                "includes": {},
                "excludes": {"caps": ["CAP_SYS_ADMIN"]},
            },
            {"names": ["write"], "action": "SCMP_ACT_LOG", "includes": {"caps": ["CAP_BPF"]}},
        ],
    }
    assert resolve_profile(plan(seccomp_profile=json.dumps(profile)), []) == {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["chmod"], "action": "SCMP_ACT_ERRNO"},
            {
                "names": ["read"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 0,
                "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_GT"}],
            },
        ],
    }


def test_empty_profile_is_no_profile() -> None:
    assert resolve_profile(plan(seccomp_profile="{}"), []) is None


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ("nonsense", "Decoding seccomp profile failed: "),
        ('{"syscalls": 3}', "Decoding seccomp profile failed: "),
        (
            '{"architectures": ["A"], "archMap": [{"architecture": "B"}]}',
            "both 'architectures' and 'archMap' are specified",
        ),
        (
            '{"syscalls": [{"name": "a", "names": ["b"], "action": "c"}]}',
            "both 'name' and 'names' are specified",
        ),
    ],
)
def test_unreadable_profile_is_refused(profile: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        check_profile(profile)
