from __future__ import annotations

import threading
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


def test_empty_ones_below_it_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "cpu" / "trimaran-1" / "container").mkdir(parents=True)
    remove_empty("/trimaran-1", TABLE.format(tmp_path))
    assert not (tmp_path / "cpu" / "trimaran-1").exists()


def test_a_cgroup_in_use_stays_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    used = tmp_path / "cpu" / "trimaran-1" / "container"
    used.mkdir(parents=True)
    (used / "cgroup.procs").write_text("17\n")
    remove_empty("/trimaran-1", TABLE.format(tmp_path))
    assert used.exists()


def test_one_that_the_kernel_still_holds_is_tried_until_it_goes(tmp_path: Path) -> None:
    held = tmp_path / "cpu" / "trimaran-1"
    held.mkdir(parents=True)
    (held / "held").touch()
    timer = threading.Timer(0.1, (held / "held").unlink)
    timer.start()
    remove_empty("/trimaran-1", TABLE.format(tmp_path), patience=30)
    timer.join()
    assert not held.exists()


def test_one_that_does_not_go_is_given_up(tmp_path: Path) -> None:
    held = tmp_path / "cpu" / "trimaran-1"
    held.mkdir(parents=True)
    (held / "held").touch()
    remove_empty("/trimaran-1", TABLE.format(tmp_path), patience=0.05)
    assert held.exists()
