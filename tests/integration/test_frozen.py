"""A service that is frozen is cut off and started again, alone; what it would not answer is answered with its name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import trio

from tests.harness.faulting import FaultyDaemon
from tests.harness.listeners import Bystander

pytestmark = pytest.mark.integration

PATIENCE = 2.0
LIMIT = 3 * PATIENCE
READS = ("/_ping", "/containers/json?all=1", "/volumes", "/networks", "/_trimaran/status")


class Impatient(FaultyDaemon):
    """The product waits for two minutes."""

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        patience = {"TRIMARAN_PATIENCE": f"{PATIENCE}"}
        super().start(*extra, environment={**patience, **(environment or {})})


@pytest.fixture(scope="module")
def daemon() -> Iterator[Impatient]:
    with Impatient(limited=True) as daemon:
        daemon.load_busybox()
        yield daemon


@pytest.fixture(scope="module")
def bystander(daemon: Impatient) -> Bystander:
    return Bystander(daemon)


def above(supervisor: str, service: str) -> bool:
    return service.startswith(f"{supervisor}/")


@pytest.mark.parametrize(
    ("mailbox", "service", "path", "body"),
    [
        ("networks", "root/network", "/networks/create", {"Name": "NAME"}),
        ("volumes", "root/volumes", "/volumes/create", {"Name": "NAME"}),
        ("store", "root/store", "/volumes/create", {"Name": "NAME"}),
        (
            "containers",
            "root/containers/service",
            "/containers/create?name=NAME",
            {"Image": "busybox"},
        ),
    ],
)
def test_frozen_service_is_restarted_alone(
    daemon: Impatient,
    bystander: Bystander,
    mailbox: str,
    service: str,
    path: str,
    body: dict[str, str],
) -> None:

    def create(number: int) -> tuple[int, str]:
        name = f"{mailbox}-{number}"
        asked = {key: value.replace("NAME", name) for key, value in body.items()}
        status, answer = daemon.request("POST", path.replace("NAME", name), asked)
        return status, json.loads(answer).get("message", "")

    assert create(0) == (201, "")
    before = daemon.restarts()
    daemon.freeze(mailbox)
    assert create(1) == (201, "")  # the letter that it still takes
    answers: list[tuple[int, str]] = []

    async def frozen() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(PATIENCE / 4)
            for read in READS:
                began = time.monotonic()
                status, _ = await trio.to_thread.run_sync(daemon.request, "GET", read)
                assert (status, time.monotonic() - began < 1) == (200, True), read

    async def ask() -> None:
        answers.append(await trio.to_thread.run_sync(create, 2))

    began = time.monotonic()
    trio.run(frozen)
    assert time.monotonic() - began < LIMIT
    # What lay in the mailbox is there for the next incarnation.
    assert answers == [(201, "")]
    assert create(3) == (201, "")
    after = daemon.restarts()
    restarted = {each: count - before.get(each, (0,))[0] for each, (count, _) in after.items()}
    # Supervisors count their children's too.
    assert {
        each: more for each, more in restarted.items() if more and not above(each, service)
    } == {service: 1}
    assert (after[service][1] or "").startswith(f"Frozen: {service} has taken no mail for")
    bystander.wait_for_more()
    bystander.check()
