"""Each case gives on this engine what dockerd 20.10 gave: output, error text, exit code."""

from __future__ import annotations

import pytest

from tests.clients.parity.cases import CASES
from tests.clients.parity.record import recorded, recorded_sessions
from tests.clients.parity.running import answer
from tests.clients.parity.terminal import session
from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]

GOLDEN = recorded()
RECORDED_WITH = "Docker version 28."
"""The client whose words are in the files: another one's own differ."""


@pytest.fixture(scope="module", autouse=True)
def _same_client(daemon: Daemon) -> None:
    version = daemon.docker("--version", check=True).stdout.decode()
    if not version.startswith(RECORDED_WITH):
        pytest.skip(f"recorded with {RECORDED_WITH}x, here is {version}")


def test_every_case_is_recorded() -> None:
    assert list(GOLDEN) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_answers_as_dockerd_does(daemon: Daemon, name: str) -> None:
    assert answer(CASES[name], daemon.host) == GOLDEN[name]


def test_terminal_sessions_look_as_on_dockerd(daemon: Daemon) -> None:
    assert session(daemon.host) == recorded_sessions()
