from __future__ import annotations

import os
import subprocess
import sys

from bench.memory import Watch, family, parent_of, resident_mb

HOLD = "held = bytes(range(256)) * (40 << 12); print(1, flush=True); input()"


def test_peak_is_what_a_process_had_at_most() -> None:
    command = [sys.executable, "-c", HOLD]
    pids: set[int] = set()
    with (
        Watch(lambda: pids) as watch,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child,
    ):
        assert child.stdout is not None
        child.stdout.readline()
        pids.add(child.pid)
        had = resident_mb(child.pid)
        watch._look()
        child.communicate(b"\n")
    assert had > 40
    assert resident_mb(child.pid) == 0
    assert watch.peak_mb >= had


def test_family_is_all_that_descend() -> None:
    command = ["sh", "-c", "sleep 60 & echo; read end; kill $!"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        found = family({shell.pid})
        grandchildren = found - {shell.pid}
        assert {parent_of(each) for each in grandchildren} == {shell.pid}
        assert found <= family({os.getpid()})
        shell.communicate(b"\n")
    assert family({shell.pid}) == {shell.pid}
