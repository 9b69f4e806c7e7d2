from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.adapters.host import facts
from engine.adapters.host.facts import held_capabilities, read_facts, sys_info
from engine.domain.containers.oci.capabilities import ALL_CAPABILITIES
from tests.fakes.host import FACTS


def test_facts_are_those_of_this_machine() -> None:
    found = read_facts()
    assert found.kernel_release == platform.release()
    assert found.kernel_release.startswith(f"{found.kernel[0]}.{found.kernel[1]}")
    assert found.cpus == len(os.sched_getaffinity(0))
    assert found.memory > 100 << 20
    assert found.architecture in facts.ARCHITECTURES.values()


def test_capabilities_are_those_of_the_bounding_set() -> None:
    held = held_capabilities()
    assert held <= set(ALL_CAPABILITIES)
    status = Path("/proc/self/status").read_text()
    mask = int(status.split("CapBnd:")[1].split()[0], 16)
    assert len(held) == min(mask.bit_count(), len(ALL_CAPABILITIES))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a form of x86-64")
def test_absent_abis_are_those_whose_programs_do_not_run() -> None:
    absent = read_facts().absent_abis
    getpid = "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 39) == __import__('os').getpid())"
    done = subprocess.run(
        [sys.executable, "-c", getpid], capture_output=True, text=True, check=True
    )
    assert ("SCMP_ARCH_X32" in absent) == (done.stdout == "False\n")
    assert absent <= {"SCMP_ARCH_X86", "SCMP_ARCH_X32"}


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(facts, "CGROUP", tmp_path)
    return tmp_path


def test_unified_hierarchy_is_told_by_its_controllers(cgroup: Path) -> None:
    (cgroup / "cgroup.controllers").write_text("cpu memory\n")
    found = read_facts()
    assert (found.cgroup_v2, found.controllers) == (True, frozenset({"cpu", "memory"}))
    assert found.swap_limit


def test_old_hierarchies_are_directories(cgroup: Path) -> None:
    for name in ("memory", "cpu,cpuacct", "pids"):
        (cgroup / name).mkdir()
    found = read_facts()
    assert not found.cgroup_v2
    assert found.controllers == {"memory", "cpu,cpuacct", "pids"}
    assert not found.swap_limit
    (cgroup / "memory" / "memory.memsw.limit_in_bytes").touch()
    assert read_facts().swap_limit


def test_limits_that_only_one_kind_of_cgroup_has(cgroup: Path) -> None:
    new = sys_info(FACTS, forwards=False)
    assert (new.memory_limit, new.memory_swappiness, new.oom_kill_disable) == (True, False, False)
    assert (new.cpu_cfs, new.cpu_realtime, new.blkio_weight) == (True, False, False)
    old = sys_info(msgspec.structs.replace(FACTS, cgroup_v2=False), forwards=False)
    assert (old.memory_swappiness, old.oom_kill_disable, old.cpu_cfs) == (True, True, False)
    (cgroup / "cpu").mkdir()
    (cgroup / "cpu" / "cpu.cfs_quota_us").touch()
    assert sys_info(msgspec.structs.replace(FACTS, cgroup_v2=False), forwards=False).cpu_cfs


def test_forwarding_is_the_kernels_or_ours() -> None:
    off = msgspec.structs.replace(FACTS, ipv4_forwarding=False)
    assert not sys_info(off, forwards=False).ipv4_forwarding
    assert sys_info(off, forwards=True).ipv4_forwarding
    assert sys_info(FACTS, forwards=False, default_shm_size=7).default_shm_size == 7
