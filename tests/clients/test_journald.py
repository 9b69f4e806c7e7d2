"""The driver journald against systemd's own service, read back by journalctl."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.test_daemon_restart import until
from tests.harness import journal
from tests.harness.daemon import Daemon
from tests.harness.journal import Journal

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    pytest.mark.skipif(bool(journal.missing()), reason=journal.missing() or "it is there"),
]

COUNT = 300
PRINT = f"i=0; while [ $i -lt {COUNT} ]; do echo line $i; i=$((i+1)); done; echo wrong >&2"
OPTIONS = ("tag={{.Name}}/x", "labels=app", "env=STAGE")


@pytest.fixture
def place() -> Iterator[Journal]:
    with Journal() as made:
        yield made


@pytest.fixture
def daemon(place: Journal) -> Iterator[Daemon]:
    made = Daemon()
    made.prefix = place.prefix
    with made:
        made.load_busybox()
        yield made


def test_lines_are_in_the_journal_with_their_fields_also_when_it_comes_late(
    daemon: Daemon, place: Journal
) -> None:
    words = [f"--log-opt={each}" for each in OPTIONS]
    own = ("--label", "app=shop", "-e", "STAGE=prod", "--net", "none")
    run = ("run", "--name", "told", "--log-driver", "journald", *words, *own, "busybox")
    daemon.docker(*run, "sh", "-c", PRINT, check=True)
    waiting = daemon.json("GET", "/_trimaran/containers/told/log")
    assert (waiting["Connected"], waiting["SpooledLines"]) == (False, COUNT + 1)
    place.start()
    id = daemon.json("GET", "/containers/told/json")["Id"]
    found = place.wait_for(COUNT + 1, f"CONTAINER_ID_FULL={id}")
    told = [each["MESSAGE"] for each in found if each["PRIORITY"] == "6"]
    assert told == [f"line {number}" for number in range(COUNT)]
    (wrong,) = [each for each in found if each["PRIORITY"] == "3"]
    assert wrong["MESSAGE"] == "wrong"
    fields = {
        "CONTAINER_ID": id[:12], "CONTAINER_NAME": "told", "CONTAINER_TAG": "told/x",
        "SYSLOG_IDENTIFIER": "told/x", "IMAGE_NAME": "busybox", "APP": "shop", "STAGE": "prod",
    }  # fmt: skip
    assert {name: wrong.get(name) for name in fields} == fields
    until(lambda: bool(daemon.json("GET", "/_trimaran/containers/told/log")["Delivered"]), 10)
    read = daemon.docker("logs", "told", check=True)
    assert read.stdout.decode().splitlines() == told
    assert read.stderr == b"wrong\n"
