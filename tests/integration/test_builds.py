"""Builds that end badly, are given up, or die with their daemon: nothing is left of them."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon, UnixConnection, running_daemon

pytestmark = pytest.mark.integration

PATIENCE = 30.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


def context(dockerfile: str, **files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in {"Dockerfile": dockerfile.encode(), **files}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def begun(
    daemon: Daemon, query: str, data: bytes
) -> tuple[UnixConnection, http.client.HTTPResponse]:
    """A build whose command runs."""
    connection = UnixConnection(daemon.socket)
    connection.request("POST", f"/build?{query}", body=data)
    response = connection.getresponse()
    text = b""
    while b"running now" not in text:
        line = response.readline()
        assert line, text
        text = text + line if b"Step" not in line else text
    return connection, response


def left(daemon: Daemon) -> dict[str, Any]:
    """What builds could leave: containers, files, images without a name, snapshots of their own."""
    socket = str(daemon.root / "exec/containerd/containerd.sock")
    listed = subprocess.run(
        ["ctr", "-a", socket, "-n", "trimaran", "snapshots", "ls"], capture_output=True, text=True
    )
    return {
        "containers": daemon.json("GET", "/containers/json?all=1"),
        "files": list((daemon.root / "data/tmp").iterdir()),
        "snapshots": [each for each in listed.stdout.splitlines() if "trimaran-build" in each],
    }


NOTHING: dict[str, Any] = {"containers": [], "files": [], "snapshots": []}


def wait_until_clean(daemon: Daemon) -> None:
    deadline = time.monotonic() + PATIENCE
    while left(daemon) != NOTHING:
        assert time.monotonic() < deadline, left(daemon)
        time.sleep(0.1)


SLOW = "FROM busybox\nRUN echo running now; sleep 600\n"


def test_a_client_that_goes_away_ends_its_build(daemon: Daemon) -> None:
    connection, response = begun(daemon, "t=gone", context(SLOW))
    assert len(daemon.json("GET", "/containers/json")) == 1
    response.close()
    connection.close()
    wait_until_clean(daemon)


def test_a_build_is_cancelled_by_its_id(daemon: Daemon) -> None:
    connection, response = begun(daemon, "buildid=mine", context(SLOW))
    assert daemon.request("POST", "/build/cancel?id=mine")[0] == 200
    assert b"build cancelled" in response.read()
    connection.close()
    wait_until_clean(daemon)


def test_a_command_that_fails_leaves_nothing(daemon: Daemon) -> None:
    before = {each["Id"] for each in daemon.json("GET", "/images/json?all=1")}
    status, body = daemon.request(
        "POST", "/build", context("FROM busybox\nRUN echo x > /x; exit 3\n")
    )
    assert status == 200
    assert b'"code":3' in body
    assert {each["Id"] for each in daemon.json("GET", "/images/json?all=1")} == before
    assert left(daemon) == NOTHING


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x00" * 100, b"Error processing tar file"),
        (context("FROM busybox\n", x=bytes(9000))[:4000], b"unexpected EOF"),
        (gzip.compress(context("FROM busybox\n"))[:-20], b"unexpected EOF"),
        (context(""), b"the Dockerfile (Dockerfile) cannot be empty"),
        (b"", b"Error processing tar file"),
    ],
    ids=["no tar", "cut", "cut gzip", "empty Dockerfile", "nothing"],
)
def test_a_context_that_is_damaged_is_refused(daemon: Daemon, data: bytes, error: bytes) -> None:
    status, body = daemon.request("POST", "/build", data)
    assert (status, error in body) == (400, True), body
    assert left(daemon) == NOTHING


def test_links_and_dots_in_an_archive_stay_in_the_context(daemon: Daemon) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/"
        archive.addfile(link)
        for name, data in {
            "out/tmp/escaped": b"x",
            "../up": b"y",
            "Dockerfile": b"FROM scratch\nCOPY . /\n",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    status, body = daemon.request("POST", "/build?t=inside", out.getvalue())
    assert status == 200
    assert b"Successfully built" in body, body
    made = daemon.json("POST", "/containers/create", {"Image": "inside", "Cmd": ["x"]})
    _, data = daemon.request("GET", f"/containers/{made['Id']}/export")
    daemon.request("DELETE", f"/containers/{made['Id']}")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {"up", "out", "tmp/escaped"} <= set(archive.getnames())


def test_removing_an_image_takes_its_steps_along(daemon: Daemon) -> None:
    before = {each["Id"] for each in daemon.json("GET", "/images/json?all=1")}
    daemon.request(
        "POST", "/build?t=steps", context("FROM busybox\nENV q=1\nRUN echo x > /q\nENV q=2\n")
    )
    assert len({each["Id"] for each in daemon.json("GET", "/images/json?all=1")} - before) == 3
    daemon.json("DELETE", "/images/steps")
    assert {each["Id"] for each in daemon.json("GET", "/images/json?all=1")} == before


def test_here_documents(daemon: Daemon) -> None:
    """dockerd's classic builder has none: these expectations are BuildKit's."""
    text = (
        "FROM busybox\nENV v=1\nRUN <<EOF\nset -e\necho a > /a\nFOO=2\necho $FOO > /b\nEOF\n"
        "COPY <<one <<'two' /d/\nv=$v\none\nv=$v\ntwo\nRUN cat <<EOF > /c\nhi $v\nEOF\n"
        "RUN cat /a /b /d/one /d/two /c\n"
    )
    _, body = daemon.request("POST", "/build", context(text))
    messages = [json.loads(line) for line in body.splitlines()]
    said = "".join(each.get("stream", "") for each in messages)
    assert "a\n2\nv=1\nv=$v\nhi 1\nRemoving" in said, said


def test_kill_in_the_middle_of_a_build(daemon: Daemon) -> None:
    connection, _ = begun(daemon, "t=killed", context(SLOW, x=bytes(100_000)))
    daemon.kill()
    connection.close()
    daemon.start()
    wait_until_clean(daemon)
    status, body = daemon.request("POST", "/build?t=after", context("FROM busybox\nRUN true\n"))
    assert status == 200
    assert b"Successfully tagged after:latest" in body
