from __future__ import annotations

import os
import subprocess
from pathlib import Path

from demo.leftovers import mounts_below, processes_of

TABLE = """\
36 35 0:1 / /tmp/demo-1/exec/mnt/a rw - overlay overlay rw
37 36 0:2 / /tmp/demo-1/exec/mnt/a/proc rw - proc proc rw
38 35 0:3 / /tmp/demo-12/exec rw - tmpfs tmpfs rw
"""


def test_mounts_are_those_below_deepest_first() -> None:
    assert mounts_below(Path("/tmp/demo-1"), TABLE) == [
        "/tmp/demo-1/exec/mnt/a/proc",
        "/tmp/demo-1/exec/mnt/a",
    ]


def test_processes_are_those_that_name_a_path_below(tmp_path: Path) -> None:
    command = ["sh", "-c", "read line", f"{tmp_path}/none"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        try:
            assert processes_of(tmp_path) == [child.pid]
            assert processes_of(Path(str(tmp_path)[:-1])) == []
        finally:
            child.kill()
    assert os.getpid() not in processes_of(tmp_path)
