from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import NOTES, former_notes
from bench.builds import BUILDS
from bench.fsyncs import COUNTS, SLOWED
from bench.images import IMAGES
from bench.lines import LINES
from bench.listeners import LISTENED
from bench.networks import NETWORKS
from bench.works import SMOKE, WORKS
from tests.harness.daemon import ROOT


def test_what_was_written_below_the_table_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    assert former_notes(page) == NOTES
    page.write_text("# Results\n\n| old |\n\n## Notes\n\nWhy.\n")
    assert former_notes(page) == "## Notes\n\nWhy.\n"


@pytest.mark.integration
@pytest.mark.client
def test_the_smoke_measures_every_work_on_every_engine(tmp_path: Path) -> None:
    """The shape alone: figures are nobody's promise here."""
    page = tmp_path / "RESULTS.md"
    command = [sys.executable, "-m", "bench", "--quick", "--output", str(page)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode in (0, 1), done.stderr
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ")][1:]
    works = (*WORKS, *LINES, *LISTENED, *BUILDS, *IMAGES, *NETWORKS, *COUNTS, *SLOWED)
    names = [each(SMOKE).name for each in works]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == names
    assert all(row.count(" |") == 7 for row in rows), rows
