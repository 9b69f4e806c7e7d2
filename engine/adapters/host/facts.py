"""Facts of the machine, read once at start."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

from engine.domain.containers.oci.capabilities import ALL_CAPABILITIES
from engine.domain.containers.sysinfo import SysInfo
from engine.domain.system.facts import Facts

_X32_BIT = 0x40000000
_GETPID = 39
_IA32 = "/proc/sys/abi/vsyscall32"
"""There where the kernel was built to run 32-bit programs."""
CGROUP = Path("/sys/fs/cgroup")
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def read_facts() -> Facts:
    """Blocks for some milliseconds."""
    release = platform.release()
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0]
    machine = platform.machine()
    v2 = (CGROUP / "cgroup.controllers").exists()
    return Facts(
        machine=machine,
        architecture=ARCHITECTURES.get(machine, machine),
        kernel_release=release,
        kernel=(int(major), int(minor) if minor.isdigit() else 0),
        operating_system=_operating_system().get("PRETTY_NAME", "Linux"),
        os_version=_operating_system().get("VERSION_ID", ""),
        cpus=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        cgroup_v2=v2,
        controllers=_controllers(v2=v2),
        capabilities=held_capabilities(),
        seccomp=os.path.exists("/proc/sys/kernel/seccomp/actions_avail"),
        apparmor=_starts_with("/sys/module/apparmor/parameters/enabled", "Y"),
        swap_limit=v2 or (CGROUP / "memory/memory.memsw.limit_in_bytes").exists(),
        ipv4_forwarding=_starts_with("/proc/sys/net/ipv4/ip_forward", "1"),
        absent_abis=_absent_abis(machine),
    )


def sys_info(facts: Facts, *, forwards: bool, **defaults: Any) -> SysInfo:
    """What the validation of create requests needs; `defaults` are the daemon's settings.

    `forwards` says that the network room switches IPv4 forwarding on by itself.
    """
    has = facts.controllers.__contains__
    blkio = has("io") if facts.cgroup_v2 else has("blkio")
    throttle = facts.cgroup_v2 or _v1_file("blkio/blkio.throttle.read_bps_device")
    return SysInfo(
        ncpu=facts.cpus,
        cpus=_cpus(facts),
        memory_limit=has("memory"),
        swap_limit=facts.swap_limit,
        memory_reservation=has("memory"),
        memory_swappiness=has("memory") and not facts.cgroup_v2,
        oom_kill_disable=has("memory") and not facts.cgroup_v2,
        cpu_shares=has("cpu"),
        cpu_cfs=facts.cgroup_v2 or _v1_file("cpu/cpu.cfs_quota_us"),
        cpu_realtime=not facts.cgroup_v2 and _v1_file("cpu/cpu.rt_runtime_us"),
        cpuset=has("cpuset"),
        pids_limit=has("pids"),
        blkio_weight=blkio and (facts.cgroup_v2 or _v1_file("blkio/blkio.weight")),
        blkio_weight_device=blkio and (facts.cgroup_v2 or _v1_file("blkio/blkio.weight_device")),
        blkio_read_bps=blkio and throttle,
        blkio_write_bps=blkio and throttle,
        blkio_read_iops=blkio and throttle,
        blkio_write_iops=blkio and throttle,
        ipv4_forwarding=forwards or facts.ipv4_forwarding,
        cgroup_namespaces=os.path.exists("/proc/self/ns/cgroup"),
        cgroup_v2=facts.cgroup_v2,
        seccomp=facts.seccomp,
        apparmor=facts.apparmor,
        held_capabilities=facts.capabilities,
        **defaults,
    )


def _v1_file(path: str) -> bool:
    return (CGROUP / path).exists()


def _cpus(facts: Facts) -> str:
    try:
        return Path("/sys/devices/system/cpu/online").read_text().strip()
    except OSError:
        return f"0-{facts.cpus - 1}"


def held_capabilities() -> frozenset[str]:
    """What the daemon itself may hand on: its bounding set."""
    status = Path("/proc/self/status").read_text()
    mask = next(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd")
    )
    return frozenset(name for number, name in enumerate(ALL_CAPABILITIES) if mask >> number & 1)


def _controllers(*, v2: bool) -> frozenset[str]:
    if v2:
        return frozenset((CGROUP / "cgroup.controllers").read_text().split())
    return (
        frozenset(each.name for each in CGROUP.iterdir() if each.is_dir())
        if CGROUP.is_dir()
        else frozenset()
    )


def _absent_abis(machine: str) -> frozenset[str]:
    if machine != "x86_64":
        return frozenset()
    answers = {"SCMP_ARCH_X86": os.path.exists(_IA32), "SCMP_ARCH_X32": _takes_x32()}
    return frozenset(abi for abi, answered in answers.items() if not answered)


def _takes_x32() -> bool:
    """Ask with the x32 form of getpid; a kernel built or booted without x32 says ENOSYS."""
    return int(ctypes.CDLL(None).syscall(_X32_BIT | _GETPID)) > 0


def _operating_system() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _starts_with(path: str, text: str) -> bool:
    try:
        return Path(path).read_text().startswith(text)
    except OSError:
        return False
