"""Builds on both engines: twenty steps without the cache and with it, and a context of ten thousand files."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from bench.engines import CLI_LIMIT, Contestant
from bench.samples import Limit
from bench.works import Scale, Work


def dockerfile(steps: int) -> str:
    """With the FROM; every third is a command, every third a copy, the others change the config."""
    lines = ["FROM busybox"]
    for number in range(1, steps):
        kinds = (f"ENV e{number}=x", f"RUN echo {number} > /f{number}", f"COPY file /c{number}")
        lines.append(kinds[number % 3])
    return "\n".join(lines) + "\n"


class Build(Work):
    """The docker CLI's classic build of one directory."""

    share: ClassVar[float] = 0.4
    options: tuple[str, ...] = ()

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.directory = Path()

    def fill(self, directory: Path) -> None:
        (directory / "Dockerfile").write_text(dockerfile(self.scale.steps))
        (directory / "file").write_text("content\n")

    def prepare(self, engine: Contestant) -> None:
        if self.directory == Path():
            self.directory = Path(tempfile.mkdtemp(prefix="bench-build-"))
            self.fill(self.directory)
        self.sample(engine)

    def sample(self, engine: Contestant) -> float:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        environment |= {
            "DOCKER_HOST": engine.host,
            "DOCKER_CONFIG": str(engine.root / "cli"),
            "DOCKER_BUILDKIT": "0",
        }
        before = time.perf_counter()
        done = subprocess.run(
            ["docker", "build", "-t", "benched", *self.options, str(self.directory)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CLI_LIMIT,
        )
        taken = (time.perf_counter() - before) * 1000
        assert done.returncode == 0, f"build on {engine.label}: {done.stderr.decode()}"
        return taken

    def clean(self, engine: Contestant) -> None:
        with contextlib.suppress(AssertionError):  # the last engine's
            engine.cli("rmi", "-f", "benched")
        shutil.rmtree(self.directory, ignore_errors=True)


class Uncached(Build):
    limit = Limit(0.7)
    options = ("--no-cache",)

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`docker build` of {scale.steps} steps, `--no-cache`"


class Cached(Build):
    name = "the same build from the cache"
    limit = Limit(1)


class ManyFiles(Build):
    limit = Limit(1)
    options = ("--no-cache",)

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`docker build` with a COPY of {scale.files:,} files"

    def fill(self, directory: Path) -> None:
        (directory / "Dockerfile").write_text("FROM busybox\nCOPY files /files\n")
        for number in range(self.scale.files):
            below = directory / "files" / f"d{number % 100}"
            below.mkdir(parents=True, exist_ok=True)
            (below / f"f{number}").write_text(f"file {number}\n")


BUILDS: tuple[type[Work], ...] = (Uncached, Cached, ManyFiles)
