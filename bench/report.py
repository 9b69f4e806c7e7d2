"""The table of results as Markdown, with the machine and the versions that it holds for."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.engines import dockerd_program
from bench.samples import Comparison
from engine.version import VERSION

HEADER = (
    "| work | unit | Trimaran | dockerd | ratio | must reach | |\n|---|---|---|---|---|---|---|\n"
)


def figure(samples: Sequence[float]) -> str:
    """Median and, in brackets, the range."""
    if not samples:
        return "–"
    middle, least, most = statistics.median(samples), min(samples), max(samples)
    if least == most:
        return f"{middle:.4g}"
    return f"{number(middle)} ({number(least)}–{number(most)})"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def line(row: Comparison) -> str:
    if row.missing:
        return f"| {row.work} | {row.unit} | {row.missing} | | | {row.limit or ''} | |\n"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = {True: "pass", False: "**fail**", None: ""}[row.kept]
    cells = [row.work, row.unit, figure(row.ours), figure(row.theirs), ratio]
    return "| " + " | ".join([*cells, str(row.limit or ""), verdict]) + " |\n"


def table(rows: Sequence[Comparison]) -> str:
    return HEADER + "".join(line(row) for row in rows)


def page(rows: Sequence[Comparison], rounds: int, notes: str) -> str:
    """All of RESULTS.md; `notes` are kept from the former page."""
    return (
        "# Results\n\n"
        "Written by `just bench`: both engines on one machine in one run, in turns, each in its own network\n"
        "namespace and directories, with its defaults (json-file logs, firewall, durable state). Median, and\n"
        f"in brackets least and most, of up to {rounds} rounds; the ratio is Trimaran's median over dockerd's: below 1\n"
        "Trimaran takes less, and where more is better, it does more above 1. Runtime files are on a tmpfs, data on\n"
        "the disk, for both.\n\n"
        f"{machine()}\n\n{versions()}\n\n{table(rows)}\n{notes}"
    )


def machine() -> str:
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"Machine: {os.cpu_count()} × {name}, {memory:.0f} GiB, Linux {platform.release()}, "
        f"load at the end of the run {load}."
    )


def versions() -> str:
    found = [f"Trimaran {VERSION} on Python {platform.python_version()}"]
    if (dockerd := dockerd_program()) is not None:
        found.append(f"dockerd {_version(dockerd)}")
    found += [f"{each} {_version(each)}" for each in ("containerd", "runc")]
    found.append(f"docker CLI {_version('docker')}")
    return "Versions: " + ", ".join(found) + "."


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\d+\.\d+[\w.+~-]*", done.stdout)
    return match.group() if match else "of unknown version"
