"""Every source has its test, at the same place under tests/ and under its own name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervisors", "config", "engine", "demo")
PROTOCOLS = "protocols only: the contracts and the adapters' own tests hold them"
SHAPES = "shapes only: nothing in it decides anything"

BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.Raise)

EXEMPT = {
    "config/origins.py": SHAPES,
    "engine/api/routes/rooms.py": SHAPES,
    "engine/domain/containers/messages.py": SHAPES,
    "engine/domain/containers/ports.py": PROTOCOLS,
    "engine/domain/containers/settings.py": SHAPES,
    "engine/domain/events/ports.py": PROTOCOLS,
    "engine/domain/execs/messages.py": SHAPES,
    "engine/domain/images/messages.py": SHAPES,
    "engine/domain/images/ports.py": PROTOCOLS,
    "engine/domain/networks/messages.py": SHAPES,
    "engine/domain/networks/ports.py": PROTOCOLS,
    "engine/domain/networks/records.py": SHAPES,
    "engine/domain/networks/settings.py": SHAPES,
    "engine/domain/system/facts.py": SHAPES,
    "engine/domain/volumes/messages.py": SHAPES,
    "engine/domain/volumes/ports.py": PROTOCOLS,
    "engine/domain/volumes/records.py": SHAPES,
    "engine/models/devices.py": SHAPES,
    "engine/models/files.py": SHAPES,
    "engine/models/runtime.py": SHAPES,
    "engine/models/usage.py": SHAPES,
}
"""Source -> why it needs no test of its own."""


PENDING = {
    *("demo/containers.py", "demo/scene.py", "demo/stage.py", "demo/steps/daemon.py"),
    *("demo/steps/ending.py", "demo/steps/running.py", "demo/steps/serving.py"),
    *("demo/steps/surviving.py", "demo/steps/volumes.py", "engine/domain/networks/endpoints.py"),
    *("engine/domain/networks/names.py", "engine/models/resolver.py"),
    *("engine/resolver/__main__.py", "engine/resolver/serving.py"),
}
"""Held by wider tests (the demo's own run, the networks' client tests), and still to be written."""


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
    assert sorted(set(bare) - set(EXEMPT) - PENDING) == []


@pytest.mark.parametrize("source", sorted(EXEMPT))
def test_exemption_is_needed(source: str) -> None:
    assert (ROOT / source).exists(), "the source has gone"
    assert not (ROOT / mirror_of(source)).exists(), "it has a test now"


@pytest.mark.parametrize("source", sorted(EXEMPT))
def test_what_is_exempt_decides_nothing(source: str) -> None:
    """A branch in it would want a test."""
    tree = ast.parse((ROOT / source).read_text())
    deciding = [ast.unparse(each) for each in ast.walk(tree) if isinstance(each, BRANCHES)]
    assert deciding == []
