"""Every case built here gives what dockerd gave: exit code, output, config, history, files."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.clients.builds.cases import CASES, Case
from tests.clients.builds.differences import accepted
from tests.clients.builds.record import load
from tests.clients.builds.running import Engine
from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]

GOLDEN = load()
COMPARED = [case for case in CASES if not case.by_hand]
AT_ONCE = 3


@pytest.fixture(scope="module")
def results(daemon: Daemon) -> Iterator[dict[str, Future[list[dict[str, Any]]]]]:
    """All cases, a few at a time: each waits for its own."""
    engine = Engine(daemon.socket)
    engine.base()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case.name: pool.submit(engine.run, case) for case in COMPARED}


def test_enough_was_recorded() -> None:
    assert len(GOLDEN) >= 150
    assert set(GOLDEN) == {case.name for case in COMPARED}


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.name)
def test_build_is_dockerds(case: Case, results: dict[str, Future[list[dict[str, Any]]]]) -> None:
    assert results[case.name].result(120) == accepted(case.name, GOLDEN[case.name])


def test_nothing_is_left(daemon: Daemon, results: dict[str, Future[list[dict[str, Any]]]]) -> None:
    """But for the container of the build that was told to keep it."""
    for each in results.values():
        each.result(120)
    names = [each["Names"][0] for each in daemon.json("GET", "/containers/json?all=1")]
    (kept,) = [each for each in names if each.startswith("/build-")]
    daemon.request("DELETE", f"/containers{kept}")
    assert list((daemon.root / "data" / "tmp").iterdir()) == []
