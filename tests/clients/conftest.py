"""One daemon for all client tests; they skip without the docker CLI, except in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon, running_daemon


@pytest.fixture(scope="session")
def daemon(cli: None) -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


@pytest.fixture(scope="session")
def cli() -> None:
    """The docker CLI and what a daemon needs; in CI they must be there."""
    if os.geteuid() != 0:
        pytest.skip("needs root, containerd and runc")
    if shutil.which("docker") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the docker CLI is not installed")
        pytest.skip("the docker CLI is not installed")
