from __future__ import annotations

from pathlib import Path

from engine.adapters.host.cgroups import hierarchies, remove_empty

TABLE = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / {0}/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / {0}/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
"""


def test_hierarchies_are_the_mounts_of_both_kinds() -> None:
    assert hierarchies(TABLE.format("/g")) == ["/g/cpu", "/g/unified"]


def test_an_empty_cgroup_goes_from_every_hierarchy(tmp_path: Path) -> None:
    for folder in ("cpu", "unified"):
        (tmp_path / folder / "trimaran-1").mkdir(parents=True)
        (tmp_path / folder / "other").mkdir()
    remove_empty("/trimaran-1", TABLE.format(tmp_path))
    assert {path.name for path in tmp_path.glob("*/*")} == {"other"}


def test_a_cgroup_in_use_stays_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    used = tmp_path / "cpu" / "trimaran-1" / "container"
    used.mkdir(parents=True)
    remove_empty("/trimaran-1", TABLE.format(tmp_path))
    assert used.exists()
