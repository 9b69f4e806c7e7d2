"""Options and fixtures of all tests."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", help="the seed of the torture test, as an earlier run printed it")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed") or random.randrange(1 << 32))
