"""Much data through a container, and a bad request that leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon
from tests.harness.traces import lasting_difference, resting

pytestmark = [pytest.mark.client, pytest.mark.integration]

PIECE = os.urandom(1 << 20)
PIECES = 200


def test_two_hundred_megabytes_come_back_as_they_went(daemon: Daemon, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    digest = hashlib.sha256()
    with sent.open("wb") as file:
        for number in range(PIECES):
            piece = number.to_bytes(8, "big") + PIECE[8:]
            digest.update(piece)
            file.write(piece)
    back = tmp_path / "back"
    command = ["docker", "-H", daemon.host, "run", "--rm", "-i", "--net", "none", "--log-driver"]
    with sent.open("rb") as stdin, back.open("wb") as stdout:
        subprocess.run(
            [*command, "none", "busybox", "cat"],
            stdin=stdin,
            stdout=stdout,
            timeout=120,
            check=True,
        )
    assert back.stat().st_size == PIECES << 20
    with back.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == digest.digest()


CONTAINER = {"Image": "busybox", "Cmd": ["true"]}
BAD_REQUESTS = {
    "not JSON": (b"{", 400, "unexpected EOF"),
    "empty": (b"", 400, "Config cannot be empty"),
    "wrong type": (b'{"Image": 3}', 400, "Image"),
    "no image": ({**CONTAINER, "Image": "nosuch"}, 404, "No such image: nosuch:latest"),
    "missing bind source": (
        {
            **CONTAINER,
            "HostConfig": {"Mounts": [{"Type": "bind", "Source": "/nosuch", "Target": "/x"}]},
        },
        400,
        "bind source path does not exist: /nosuch",
    ),
    "little memory": ({**CONTAINER, "HostConfig": {"Memory": 1000}}, 400, "Minimum memory limit"),
    "bad port": (
        {**CONTAINER, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}}},
        400,
        "99999",
    ),
    "escaping volume": (
        {**CONTAINER, "HostConfig": {"Binds": ["../../x:/x"]}},
        400,
        "includes invalid characters for a local volume name",
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_create_is_refused_and_leaves_nothing(daemon: Daemon, name: str) -> None:
    body, status, text = BAD_REQUESTS[name]
    before = resting(daemon)
    answer = daemon.request(
        "POST", "/containers/create", body, {"Content-Type": "application/json"}
    )
    assert answer[0] == status, answer
    assert text in answer[1].decode()
    assert lasting_difference(daemon, before) == {}


@pytest.mark.parametrize("options", [(), ("-w", "/etc/passwd"), ("-p", "1.2.3.4:80:80")])
def test_a_start_that_fails_leaves_nothing(daemon: Daemon, options: tuple[str, ...]) -> None:
    before = resting(daemon)
    done = daemon.docker("run", "--rm", *options, "busybox", "nosuchcommand", timeout=30)
    assert done.returncode in (125, 126, 127), done.stderr
    assert lasting_difference(daemon, before) == {}
