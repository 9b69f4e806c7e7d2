from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def halves() -> list[set[str]]:
    justfile = (ROOT / "Justfile").read_text()
    found = [
        re.search(rf'^{name} := "(.*)"$', justfile, re.MULTILINE) for name in ("beside", "apart")
    ]
    return [set(each[1].split()) for each in found if each]


def test_just_test_runs_every_test_once() -> None:
    beside, apart = halves()
    assert not beside & apart
    folders = {
        f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if any(path.rglob("test_*.py"))
    }
    assert folders == {each for each in beside | apart if any((ROOT / each).rglob("test_*.py"))}
    assert not list((ROOT / "tests").glob("test_*.py"))
