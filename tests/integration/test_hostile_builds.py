"""Contexts that mean no good: each is refused in words or does no harm, others are served meanwhile, nothing is left."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon
from tests.integration.test_builds import NOTHING, context, left

pytestmark = pytest.mark.integration

DISK_MB = 300
RESERVE_MB = 64
"""The default of storage-collection."""
PATIENCE = 5.0


class SmallDaemon(Daemon):
    """Its data root is a file system that a bomb would fill."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    def make_namespace(self) -> None:
        super().make_namespace()
        self.data.mkdir()
        options = f"size={DISK_MB}m,mode=711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.data], check=True)


@pytest.fixture(scope="module")
def daemon() -> Iterator[SmallDaemon]:
    with SmallDaemon() as found:
        found.load_busybox()
        yield found


def linked(dockerfile: str, link: str) -> bytes:
    """A context in which `out` leads elsewhere."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("out")
        info.type, info.linkname = tarfile.SYMTYPE, link
        archive.addfile(info)
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        archive.addfile(info, io.BytesIO(dockerfile.encode()))
    return out.getvalue()


def bomb() -> bytes:
    """A gigabyte in one megabyte."""
    out = io.BytesIO()
    zeros = bytes(1 << 20)
    info = tarfile.TarInfo("zeros")
    info.size = 1 << 30
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        packed.write(info.tobuf())
        for _ in range(info.size >> 20):
            packed.write(zeros)
        packed.write(bytes(1024))
    return out.getvalue()


@pytest.fixture(scope="module")
def packed() -> bytes:
    return bomb()


def said(daemon: Daemon, data: bytes, query: str = "nocache=1") -> str:
    """All that a build answered; the API answers others while it is at work."""
    slowest, done = 0.0, threading.Event()

    def ask() -> None:
        nonlocal slowest
        while not done.wait(0.1):
            began = time.monotonic()
            assert daemon.request("GET", "/_ping")[0] == 200
            slowest = max(slowest, time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        _, body = daemon.request("POST", f"/build?{query}", data)
    finally:
        done.set()
        asking.join()
    assert slowest < PATIENCE
    assert left(daemon) == NOTHING
    return body.decode(errors="replace")


@pytest.mark.parametrize("instruction", ["COPY", "ADD"])
@pytest.mark.parametrize("source", ["../../../etc/shadow", "d/../../../etc/shadow", "../"])
def test_no_path_leads_out_of_the_context(
    daemon: SmallDaemon, instruction: str, source: str
) -> None:
    text = f"FROM busybox\n{instruction} {source} /q\n"
    assert "forbidden path outside the build context" in said(daemon, context(text))


@pytest.mark.parametrize("instruction", ["COPY", "ADD"])
@pytest.mark.parametrize("link", ["/etc/shadow", "../../../../../../etc/shadow"])
def test_no_link_leads_out_of_the_context(daemon: SmallDaemon, instruction: str, link: str) -> None:
    """It is followed as if the context were all there is; a link that is copied along stays a link."""
    text = f"FROM busybox\n{instruction} out /q\n"
    assert "file not found in build context" in said(daemon, linked(text, link))
    text = f"FROM busybox\n{instruction} . /all\nRUN readlink /all/out\n"
    assert f"{link}\\n" in said(daemon, linked(text, link))


def test_an_absolute_path_is_the_contexts(daemon: SmallDaemon) -> None:
    text = "FROM busybox\nCOPY /etc/shadow /q\n"
    assert "stat etc/shadow: file does not exist" in said(daemon, context(text))


def test_a_dockerignore_of_ten_megabytes(daemon: SmallDaemon) -> None:
    lines = b"".join(b"some/pattern%d/**/x*\n" % number for number in range(450_000))
    data = context("FROM scratch\nCOPY Dockerfile /\n", **{".dockerignore": lines})
    assert "Successfully built" in said(daemon, data)


def test_patterns_of_many_stars(daemon: SmallDaemon) -> None:
    """Each star tried at each place in all combinations, these would take years."""
    name, pattern = "a" * 200, "*a" * 60 + "b"
    files = {
        name: b"FROM scratch\nCOPY a* /d/\n",
        ".dockerignore": f"**/{pattern}\n{pattern}".encode(),
    }
    data = context("FROM busybox\n", **files)
    assert "Successfully built" in said(daemon, data, f"nocache=1&dockerfile={name}")
    data = context(f"FROM scratch\nCOPY {pattern} /d/\n", **files)
    assert "no source files were specified" in said(daemon, data)
    query = f'/images/json?filters={{"reference":["{pattern}"]}}'
    daemon.docker("tag", "busybox", name, check=True)
    assert daemon.json("GET", query) == []
    daemon.docker("rmi", name, check=True)


def test_a_dockerfile_that_is_none(daemon: SmallDaemon) -> None:
    program = Path("/bin/busybox").read_bytes()[:500_000]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(program)
        archive.addfile(info, io.BytesIO(program))
    assert "dockerfile parse error line 1: unknown instruction" in said(daemon, out.getvalue())


def test_a_context_that_unpacks_to_more_than_the_disk_has(
    daemon: SmallDaemon, packed: bytes
) -> None:
    assert "not enough disk space" in said(daemon, packed)


def test_an_archive_that_an_add_unpacks_to_more_than_the_disk_has(
    daemon: SmallDaemon, packed: bytes
) -> None:
    data = context("FROM scratch\nADD bomb.tar.gz /\n", **{"bomb.tar.gz": packed})
    assert "not enough disk space" in said(daemon, data)
    done = daemon.docker("run", "--rm", "busybox", "echo", "as before", check=True)
    assert done.stdout == b"as before\n"
