"""Large layers pass through the daemon in pieces: what it needs of memory does not grow with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.image_archives import config_of, docker_archive, tar_of
from tests.harness.daemon import Daemon
from tests.harness.registry import Registry

pytestmark = [pytest.mark.client, pytest.mark.integration]

LAYERS = 3
SIZE = 24 << 20
GROWTH_MB = 36
"""Half of the image: pieces on their way in three downloads, and httpx, which the first pull imports."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.skip("needs root, containerd and runc")
    with Daemon() as daemon:
        yield daemon


def most_mb(daemon: Daemon) -> float:
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def test_memory_does_not_grow_with_the_image(daemon: Daemon, tmp_path: Path) -> None:
    with Registry(daemon) as registry:
        name = f"{registry.host}/large:1"
        layers = [tar_of({f"f{n}": os.urandom(SIZE)}) for n in range(LAYERS)]
        archive, saved = tmp_path / "archive.tar", tmp_path / "saved.tar"
        archive.write_bytes(docker_archive((config_of(layers), layers, [name])))
        before = most_mb(daemon)
        daemon.docker("load", "-i", str(archive), check=True)
        daemon.docker("push", name, check=True)
        daemon.docker("rmi", name, check=True)
        daemon.docker("pull", name, check=True)
        daemon.docker("save", "-o", str(saved), name, check=True)
    assert saved.stat().st_size > LAYERS * SIZE
    assert most_mb(daemon) - before < GROWTH_MB
