from __future__ import annotations

from pathlib import Path

from engine.adapters.host.meters import Meters, controllers

NET = """Inter-| Receive | Transmit
 face |bytes
    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0
  eth0: 100 2 0 1 0 0 0 0 200 3 0 4 0 0 0 0
  eth1: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
"""


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root / "proc"


def mount(root: Path, name: str, kind: str, options: str) -> str:
    return f"30 20 0:1 / {root}/{name} rw - {kind} cgroup {options}\n"


def test_first_version_is_read_by_controller(tmp_path: Path) -> None:
    proc = machine(
        tmp_path,
        {
            "proc/7/cgroup": "4:memory:/t/c\n2:cpuacct,cpu:/t/c\n0::/\n",
            "proc/7/net/dev": NET,
            "mem/t/c/memory.usage_in_bytes": "1000\n",
            "mem/t/c/memory.stat": "cache 5\nhierarchical_memory_limit 4096\ntotal_inactive_file 300\n",
            "cpu/t/c/cpuacct.usage": "2500000000\n",
            "cpu/t/c/cpu.stat": "nr_periods 8\nnr_throttled 3\nthrottled_time 500000000\n",
        },
    )
    table = mount(tmp_path, "mem", "cgroup", "rw,memory") + mount(
        tmp_path, "cpu", "cgroup", "rw,cpu,cpuacct"
    )
    found = Meters(proc, table).read({"one": (7, True), "gone": (8, True)})
    assert found.keys() == {"one"}
    one = found["one"]
    assert (one.cpu, one.periods, one.throttled_periods, one.throttled) == (2.5, 8, 3, 0.5)
    assert (one.memory, one.memory_limit) == (700, 4096)
    assert (one.rx_bytes, one.rx_packets, one.rx_dropped) == (110, 3, 1)
    assert (one.tx_bytes, one.tx_packets, one.tx_dropped) == (220, 4, 4)


def test_second_version_is_one_hierarchy(tmp_path: Path) -> None:
    proc = machine(
        tmp_path,
        {
            "proc/7/cgroup": "0::/t/c\n",
            "all/t/c/memory.current": "1000\n",
            "all/t/c/memory.max": "max\n",
            "all/t/c/memory.stat": "anon 600\ninactive_file 1400\n",
            "all/t/c/cpu.stat": "usage_usec 1500000\nnr_periods 2\nnr_throttled 1\nthrottled_usec 250000\n",
        },
    )
    meters = Meters(proc, mount(tmp_path, "all", "cgroup2", "rw"))
    one = meters.read({"one": (7, False)})["one"]
    assert (one.cpu, one.periods, one.throttled_periods, one.throttled) == (1.5, 2, 1, 0.25)
    assert (one.memory, one.memory_limit, one.rx_bytes) == (0, 0, 0)


def test_places_of_controllers_come_from_the_mount_table() -> None:
    table = mount(Path("/x"), "a", "cgroup", "rw,cpu,cpuacct") + mount(
        Path("/x"), "b", "cgroup2", "rw"
    )
    assert controllers(table) == {"cpu": "/x/a", "cpuacct": "/x/a", "": "/x/b"}
