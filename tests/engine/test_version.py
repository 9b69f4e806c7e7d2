from __future__ import annotations

import tomllib
from pathlib import Path

from engine import version


def test_version_is_that_of_the_package() -> None:
    file = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(file.read_text())["project"]["version"] == version.VERSION
