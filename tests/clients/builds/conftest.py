"""Builds have a daemon of their own: hundreds of images would be in the others' lists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon, running_daemon


@pytest.fixture(scope="module")
def daemon(cli: None) -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found
