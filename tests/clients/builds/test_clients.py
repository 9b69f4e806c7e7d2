"""Builds by docker-py, and by a docker CLI that is left to choose its builder."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import docker
import pytest
from docker.errors import BuildError

from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def test_docker_py_builds(daemon: Daemon) -> None:
    client = docker.DockerClient(base_url=daemon.host)
    try:
        image, log = client.images.build(
            fileobj=io.BytesIO(b"FROM busybox\nARG v\nRUN echo made $v\n"),
            tag="by-py",
            buildargs={"v": "1"},
        )
        assert "made 1\n" in [each.get("stream") for each in log]
        assert image.tags == ["by-py:latest"]
        with pytest.raises(BuildError, match="returned a non-zero code: 3"):
            client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 3\n"))
        client.images.remove("by-py")
    finally:
        client.close()


def test_the_cli_takes_the_classic_builder_by_itself(daemon: Daemon, tmp_path: Path) -> None:
    """The ping's Builder-Version says so; nothing in the environment does."""
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY hello.c /\n")
    (tmp_path / "hello.c").write_text("int main(void) { return 0; }\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
    environment |= {"DOCKER_HOST": daemon.host, "DOCKER_CONFIG": str(tmp_path / "cli")}
    done = subprocess.run(
        ["docker", "build", "-t", "by-cli", str(tmp_path)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"Successfully tagged by-cli:latest" in done.stdout
    daemon.docker("rmi", "by-cli", check=True)
