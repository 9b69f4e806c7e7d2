from __future__ import annotations

from pathlib import Path

from bench.builds import ManyFiles, dockerfile
from bench.works import SMOKE


def test_the_file_has_its_steps_of_every_kind() -> None:
    lines = dockerfile(20).splitlines()
    assert len(lines) == 20
    assert {each.split()[0] for each in lines} == {"FROM", "ENV", "RUN", "COPY"}


def test_the_context_has_as_many_files_as_the_scale_says(tmp_path: Path) -> None:
    ManyFiles(SMOKE).fill(tmp_path)
    assert sum(each.is_file() for each in (tmp_path / "files").rglob("*")) == SMOKE.files
