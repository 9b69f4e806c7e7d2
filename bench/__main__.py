"""`just bench`: measure all works on both engines and write the table.

    python -m bench [--quick] [--rounds N] [--only TEXT] [--output FILE]

Needs root. Without dockerd on the machine there is Trimaran's column alone.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import fsyncs
from bench.builds import BUILDS
from bench.engines import Contestant, Dockerd, dockerd_program
from bench.images import IMAGES
from bench.lines import LINES
from bench.listeners import LISTENED
from bench.networks import NETWORKS
from bench.report import line, page
from bench.samples import Comparison, interleave
from bench.works import SMOKE, WORKS, Scale, Work

RESULTS = Path(__file__).with_name("RESULTS.md")
NOTES = "## Notes\n"


def compare(work: Work, engines: Sequence[Contestant]) -> Comparison:
    """Prepare, measure in turns, clean; the first engine is ours."""
    row = Comparison(work.name, work.unit, work.limit)
    for engine in engines:
        work.prepare(engine)
    row.ours, *others = interleave(work.rounds, engines, work.sample)
    row.theirs = others[0] if others else []
    for engine in engines:
        work.clean(engine)
    return row


class Bench:
    """One run of all that was asked for."""

    def __init__(self, scale: Scale, only: str) -> None:
        self.scale = scale
        self.only = only
        self.rows: list[Comparison] = []

    def wanted(self, works: Sequence[type[Work]]) -> list[Work]:
        made = [each(self.scale) for each in works]
        return [work for work in made if self.only in work.name]

    def run(self) -> list[Comparison]:
        with contextlib.ExitStack() as stack:
            engines: list[Contestant] = [stack.enter_context(Contestant())]
            if dockerd_program() is not None:
                engines.append(stack.enter_context(Dockerd()))
            self._measure(self.wanted(WORKS), engines)
            self._measure(self.wanted(LINES), engines)
            self._measure(self.wanted(LISTENED), engines)
            self._measure(self.wanted(BUILDS), engines)
            self._measure(self.wanted(IMAGES), engines, needs="docker-registry")
            self._measure(self.wanted(NETWORKS), engines)
            self._measure(self.wanted(fsyncs.COUNTS), engines, needs="strace")
        self._slow_disk()
        return self.rows

    def _slow_disk(self) -> None:
        works = self.wanted(fsyncs.SLOWED)
        if not works or fsyncs.missing_tool("gcc"):
            self._measure(works, [], needs="gcc")
            return
        with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
            slow = stack.enter_context(fsyncs.slow_daemon(Path(scratch)))
            self._measure(works, [slow, stack.enter_context(Contestant())])

    def _measure(
        self, works: Sequence[Work], engines: Sequence[Contestant], *, needs: str = ""
    ) -> None:
        lacking = fsyncs.missing_tool(needs) if needs else ""
        if works and not lacking:
            for engine in engines:
                engine.load_busybox()
            time.sleep(self.scale.settle)
        for work in works:
            if lacking:
                row = Comparison(work.name, work.unit, work.limit, missing=lacking)
            else:
                row = compare(work, engines)
            self.rows.append(row)
            print(line(row), end="", file=sys.stderr, flush=True)


def former_notes(path: Path) -> str:
    """What somebody wrote below the table stays."""
    text = path.read_text() if path.exists() else ""
    return text[text.index(NOTES) :] if NOTES in text else NOTES


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Trimaran and dockerd side by side")
    parser.add_argument("--quick", action="store_true", help="a smoke: few rounds, small sizes")
    parser.add_argument("--rounds", type=int, help="how often each work is measured")
    parser.add_argument("--only", default="", help="works whose name contains this")
    parser.add_argument(
        "--output", type=Path, help="- is stdout, the default with --quick or --only"
    )
    asked = parser.parse_args()
    scale = SMOKE if asked.quick else Scale()
    if asked.rounds:
        scale = dataclasses.replace(scale, rounds=asked.rounds)
    rows = Bench(scale, asked.only).run()
    output = asked.output or (Path("-") if asked.quick or asked.only else RESULTS)
    text = page(rows, scale.rounds, former_notes(RESULTS))
    if output == Path("-"):
        print(text)
    else:
        output.write_text(text)
    return 0 if all(row.kept is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
