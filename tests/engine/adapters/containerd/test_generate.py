from __future__ import annotations

import filecmp
from pathlib import Path

from engine.adapters.containerd.generate import HERE, VIRTUAL, generate


def test_committed_stubs_are_what_the_protos_generate(tmp_path: Path) -> None:
    generate(tmp_path)
    fresh, committed = tmp_path / VIRTUAL, HERE / "gen"
    names = sorted(path.name for path in fresh.iterdir())
    assert names == sorted(path.name for path in committed.glob("*.py*") if path.suffix != ".pyc")
    _, different, missing = filecmp.cmpfiles(fresh, committed, names, shallow=False)
    assert (different, missing) == ([], [])
