"""Each case gives on this engine what dockerd 20.10 gave: output, error text, exit code."""

from __future__ import annotations

import pytest

from tests.clients.parity.cases import CASES
from tests.clients.parity.record import recorded
from tests.clients.parity.running import answer
from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]

GOLDEN = recorded()


def test_every_case_is_recorded() -> None:
    assert list(GOLDEN) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_answers_as_dockerd_does(daemon: Daemon, name: str) -> None:
    assert answer(CASES[name], daemon.host) == GOLDEN[name]
