"""Every source has its test, at the same place under tests/ and under its own name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervisors", "config", "engine", "demo")
PROTOCOLS = "protocols only: the contracts and the adapters' own tests hold them"
SHAPES = "shapes only: nothing in it decides anything"

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

EXEMPT = {
    "config/origins.py": SHAPES,
    "engine/api/routes/rooms.py": SHAPES,
    "engine/domain/builds/ports.py": PROTOCOLS,
    "engine/domain/containers/messages.py": SHAPES,
    "engine/domain/containers/ports.py": PROTOCOLS,
    "engine/domain/containers/settings.py": SHAPES,
    "engine/domain/events/ports.py": PROTOCOLS,
    "engine/domain/execs/messages.py": SHAPES,
    "engine/domain/images/messages.py": SHAPES,
    "engine/domain/images/ports.py": PROTOCOLS,
    "engine/domain/logs/ports.py": PROTOCOLS,
    "engine/domain/managed/ports.py": PROTOCOLS,
    "engine/domain/networks/drivers.py": PROTOCOLS,
    "engine/domain/networks/messages.py": SHAPES,
    "engine/domain/storage/messages.py": SHAPES,
    "engine/domain/storage/ports.py": PROTOCOLS,
    "engine/domain/storage/settings.py": SHAPES,
    "engine/domain/system/facts.py": SHAPES,
    "engine/domain/system/observations.py": SHAPES,
    "engine/domain/volumes/messages.py": SHAPES,
    "engine/models/devices.py": SHAPES,
    "engine/models/files.py": SHAPES,
    "engine/models/meters.py": SHAPES,
    "engine/models/reload.py": SHAPES,
    "engine/models/runtime.py": SHAPES,
    "engine/models/storage.py": SHAPES,
    "engine/models/timeline.py": SHAPES,
    "engine/models/usage.py": SHAPES,
}
"""Source -> why it needs no test of its own."""


def sources() -> list[str]:
    """All modules, but for what protoc has made and what only marks a package."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if "gen" not in relative.parts and path.name != "__init__.py":
                found.append(str(relative))
    return found


def mirror_of(source: str) -> Path:
    """`engine/a/b.py` has tests/engine/a/test_b.py; `__main__` is `test_main`."""
    path = Path(source)
    return Path("tests") / path.parent / f"test_{path.stem.strip('_')}.py"


def test_every_source_has_its_test() -> None:
    bare = [each for each in sources() if not (ROOT / mirror_of(each)).exists()]
    assert sorted(set(bare) - set(EXEMPT)) == []


@pytest.mark.parametrize("source", sorted(EXEMPT))
def test_exemption_is_needed(source: str) -> None:
    assert (ROOT / source).exists(), "the source has gone"
    assert not (ROOT / mirror_of(source)).exists(), "it has a test now"


@pytest.mark.parametrize("source", sorted(EXEMPT))
def test_what_is_exempt_does_nothing(source: str) -> None:
    """A function with a body would want a test."""
    tree = ast.parse((ROOT / source).read_text())
    functions = [each for each in ast.walk(tree) if isinstance(each, FUNCTIONS)]
    assert [each.name for each in functions if not all(map(_idle, each.body))] == []


def _idle(statement: ast.stmt) -> bool:
    """A docstring or an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
