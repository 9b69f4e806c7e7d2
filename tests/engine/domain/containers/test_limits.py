from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.containers.limits import check_limits, parse_set
from engine.domain.containers.sysinfo import SysInfo
from engine.errors import InvalidParameter
from engine.models.containers import HostConfig, ThrottleDevice, WeightDevice

M = 1 << 20
INFO = SysInfo(ncpu=2, cpus="0-1", mems="0", cpu_realtime=True)
H = HostConfig
CPU_RANGE = "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
PERIOD = "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"

# Asked of dockerd 20.10.
REFUSALS = [
    (H(memory=5 * M), "Minimum memory limit allowed is 6MB"),
    (H(memory=-5), "Minimum memory limit allowed is 6MB"),
    (
        H(memory=6 * M, memory_swap=5 * M),
        "Minimum memoryswap limit should be larger than memory limit, see usage",
    ),
    (
        H(memory_swap=5 * M),
        "You should always set the Memory limit when using Memoryswap limit, see usage",
    ),
    (
        H(memory=6 * M, memory_reservation=7 * M),
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    ),
    (H(memory_reservation=1), "Minimum memory reservation allowed is 6MB"),
    (H(memory_swappiness=101), "Invalid value: 101, valid memory swappiness range is 0-100"),
    (H(memory_swappiness=-2), "Invalid value: -2, valid memory swappiness range is 0-100"),
    (H(nano_cpus=3_000_000_000), CPU_RANGE),
    (H(nano_cpus=-1), CPU_RANGE),
    (
        H(nano_cpus=10_000_000, cpu_period=1),
        "Conflicting options: Nano CPUs and CPU Period cannot both be set",
    ),
    (
        H(nano_cpus=10_000_000, cpu_quota=1),
        "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
    ),
    (H(cpu_period=1), PERIOD),
    (H(cpu_period=2_000_000), PERIOD),
    (H(cpu_quota=1), "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (H(cpuset_cpus="9"), "Requested CPUs are not available - requested 9, available: 0-1"),
    (H(cpuset_cpus="a"), "Invalid value a for cpuset cpus: invalid format: a"),
    (H(cpuset_mems="7"), "Requested memory nodes are not available - requested 7, available: 0"),
    (H(cpuset_mems="b"), "Invalid value b for cpuset mems: invalid format: b"),
    (
        H(cpu_realtime_runtime=2000, cpu_realtime_period=1000),
        "cpu real-time runtime cannot be higher than cpu real-time period",
    ),
    (
        H(io_maximum_iops=5),
        "Invalid QoS settings: linux does not support configuration of maximum IOPs",
    ),
    (H(blkio_weight=5), "Range of blkio weight is from 10 to 1000"),
    (H(blkio_weight=1001), "Range of blkio weight is from 10 to 1000"),
]


@pytest.mark.parametrize(("host", "text"), REFUSALS)
def test_refusals_are_dockerds(host: HostConfig, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_limits(host, INFO)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "host",
    [
        H(),
        H(memory_swap=-1),
        H(memory=6 * M, memory_swap=-1),
        H(nano_cpus=1_000_000),
        H(cpu_quota=-1),
        H(cpu_shares=300_000),
        H(pids_limit=-5),
        H(cpuset_cpus="0-1", cpuset_mems="0"),
        H(blkio_weight=500),
    ],
)
def test_fitting_limits_pass_unchanged(host: HostConfig) -> None:
    assert check_limits(host, INFO) == (host, [])


def test_minus_one_swappiness_is_none() -> None:
    assert check_limits(H(memory_swappiness=-1), INFO) == (H(), [])


def test_update_may_raise_swap_alone() -> None:
    assert check_limits(H(memory_swap=5 * M), INFO, update=True)[1] == []


def test_oom_killer_without_a_limit_is_worth_a_warning() -> None:
    _, warnings = check_limits(H(oom_kill_disable=True), INFO)
    assert warnings == [
        "OOM killer is disabled for the container, but no memory limit is set, "
        "this can result in the system running out of resources."
    ]


DEVICE = ThrottleDevice(path="/dev/x", rate=1)
DISCARDED = [
    ("memory_limit", H(memory=6 * M), H(memory_swap=-1), "memory limit capabilities"),
    ("swap_limit", H(memory=6 * M), H(memory=6 * M, memory_swap=-1), "swap limit capabilities"),
    ("memory_swappiness", H(memory_swappiness=5), H(), "memory swappiness"),
    ("memory_reservation", H(memory_reservation=7 * M), H(), "memory soft limit"),
    ("oom_kill_disable", H(oom_kill_disable=True), H(), "OomKillDisable discarded"),
    ("pids_limit", H(pids_limit=5), H(), "PIDs limit discarded"),
    ("cpu_shares", H(cpu_shares=5), H(), "Shares discarded"),
    ("cpu_cfs", H(cpu_period=5000, cpu_quota=5000), H(), "CPU period/quota discarded"),
    ("cpuset", H(cpuset_cpus="9"), H(), "Cpuset discarded"),
    (
        "blkio_weight",
        H(blkio_weight=5),
        H(),
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    ),
    (
        "blkio_weight_device",
        H(blkio_weight_device=[WeightDevice(path="/dev/x", weight=50)]),
        H(),
        "Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    ),
    (
        "blkio_read_bps",
        H(blkio_device_read_bps=[DEVICE]),
        H(),
        "Block I/O BPS read limit discarded",
    ),
    ("blkio_write_iops", H(blkio_device_write_iops=[DEVICE]), H(), "IOPS write limit discarded"),
]


@pytest.mark.parametrize(("lacking", "host", "left", "text"), DISCARDED)
def test_what_the_kernel_lacks_is_discarded_with_a_warning(
    lacking: str, host: HostConfig, left: HostConfig, text: str
) -> None:
    got, [warning] = check_limits(host, replace(INFO, **{lacking: False}))
    assert got == left
    assert text in warning


def test_cpu_percent_is_for_windows() -> None:
    got, warnings = check_limits(H(cpu_percent=5), INFO)
    assert got == H()
    assert warnings == ["linux does not support CPU percent. Percent discarded."]


def test_kernel_without_realtime_or_cfs_refuses_them() -> None:
    for host in (H(cpu_realtime_period=1000), H(cpu_realtime_runtime=1000), H(nano_cpus=10**9)):
        with pytest.raises(InvalidParameter):
            check_limits(host, replace(INFO, cpu_realtime=False, cpu_cfs=False))


def test_sets_are_ranges_and_numbers() -> None:
    assert parse_set("0-2,4") == {0, 1, 2, 4}
    assert parse_set("") == set()
    for bad in ("2-1", "1-", "-1", "x", "0-99999"):
        with pytest.raises(ValueError, match="invalid format"):
            parse_set(bad)
