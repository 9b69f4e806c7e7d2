"""Builds that are large: a hundred steps, a gigabyte of context, a hundred thousand files; and what memory they take."""

from __future__ import annotations

import http.client
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon, UnixConnection, running_daemon

pytestmark = [pytest.mark.integration, pytest.mark.torture]

MOST_MB = 150
"""Of what the daemon may grow by, whatever the context's size."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


def peak_mb(daemon: Daemon) -> float:
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def member(name: str, size: int, mode: int = 0o644) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info.tobuf()


def sent(daemon: Daemon, pieces: Iterator[bytes]) -> bytes:
    connection = UnixConnection(daemon.socket, timeout=900)
    connection.request(
        "POST",
        "/build?t=large",
        body=pieces,
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )
    response: http.client.HTTPResponse = connection.getresponse()
    body = response.read()
    connection.close()
    assert b"Successfully tagged large:latest" in body, body[-2000:]
    return body


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def test_a_hundred_steps(daemon: Daemon) -> None:
    lines = [
        f"RUN echo {number} > /f{number}" if number % 2 else f"ENV e{number}=x"
        for number in range(99)
    ]
    text = "\n".join(["FROM busybox", *lines]).encode()
    sent(daemon, iter([member("Dockerfile", len(text)), padded(text), bytes(1024)]))
    done = daemon.docker("run", "--rm", "large", "sh", "-c", "ls / | grep -c ^f[0-9]", check=True)
    assert done.stdout.strip() == b"49"
    assert b"Using cache" in sent(
        daemon, iter([member("Dockerfile", len(text)), padded(text), bytes(1024)])
    )


def test_a_gigabyte(daemon: Daemon) -> None:
    size, text = 1 << 30, b"FROM scratch\nCOPY big /\n"

    def pieces() -> Iterator[bytes]:
        yield member("Dockerfile", len(text)) + padded(text) + member("big", size)
        for number in range(size >> 20):
            yield number.to_bytes(4) * (1 << 18)
        yield bytes(1024)

    before = peak_mb(daemon)
    sent(daemon, pieces())
    print(f"1 GB: the daemon's peak grew by {peak_mb(daemon) - before:.0f} MB")
    assert peak_mb(daemon) - before < MOST_MB
    daemon.docker("rmi", "large", check=True)


def test_a_hundred_thousand_files(daemon: Daemon) -> None:
    text = b"FROM scratch\nCOPY . /\n"

    def pieces() -> Iterator[bytes]:
        yield member("Dockerfile", len(text)) + padded(text)
        for number in range(100):
            out = io.BytesIO()
            for below in range(1000):
                content = f"{number} {below}".encode()
                out.write(member(f"d{number}/f{below}", len(content)) + padded(content))
            yield out.getvalue()
        yield bytes(1024)

    before = peak_mb(daemon)
    sent(daemon, pieces())
    print(f"100,000 files: the daemon's peak grew by {peak_mb(daemon) - before:.0f} MB")
    assert peak_mb(daemon) - before < MOST_MB
    daemon.docker("rmi", "large", check=True)
