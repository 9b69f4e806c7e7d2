"""On `die` everything is settled: the log is whole, and start, rm and exec answer at once as they should.

The short round is enough to see a rule broken; `just faults` takes five hundred exits, to see a race.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon, UnixConnection, running_daemon
from tests.harness.listeners import stdout_of

pytestmark = pytest.mark.integration


class Deaths:
    """The daemon's `die` events, as they come."""

    def __init__(self, daemon: Daemon) -> None:
        self._connection = UnixConnection(daemon.socket, timeout=20)
        filters = "%7B%22event%22%3A%5B%22die%22%5D%7D"
        self._connection.request("GET", f"/events?filters={filters}")
        self._response = self._connection.getresponse()

    def wait(self) -> Any:
        return json.loads(self._response.readline())

    def close(self) -> None:
        self._response.close()
        self._connection.close()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as daemon:
        yield daemon


@pytest.fixture
def deaths(daemon: Daemon) -> Iterator[Deaths]:
    deaths = Deaths(daemon)
    yield deaths
    deaths.close()


class Run:
    """A container that prints `count` lines, from one burst, and ends with 5."""

    def __init__(self, daemon: Daemon, deaths: Deaths, count: int) -> None:
        self.daemon, self.deaths, self.count = daemon, deaths, count
        body = {
            "Image": "busybox",
            "Cmd": ["sh", "-c", f"seq {count}; exit 5"],
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}},
        }
        self.id: str = daemon.json("POST", "/containers/create", body)["Id"]
        self.lines = b""
        daemon.json("POST", f"/containers/{self.id}/start")
        self.wait()

    def wait(self) -> None:
        event = self.deaths.wait()
        assert event["Actor"]["ID"] == self.id
        assert event["Actor"]["Attributes"]["exitCode"] == "5"
        self.lines += b"".join(b"%d\n" % n for n in range(1, self.count + 1))

    def check_log(self) -> None:
        status, body = self.daemon.request("GET", f"/containers/{self.id}/logs?stdout=1")
        assert (status, stdout_of(body)) == (200, self.lines)

    def start(self) -> None:
        """The port is the same: it must have been given back."""
        status, body = self.daemon.request("POST", f"/containers/{self.id}/start")
        assert (status, body) == (204, b"")
        self.wait()

    def exec(self) -> None:
        command = {"Cmd": ["true"]}
        status, body = self.daemon.request("POST", f"/containers/{self.id}/exec", command)
        text = f"Container {self.id} is not running"
        assert (status, json.loads(body)["message"].lower()) == (409, text.lower())

    def kill(self) -> None:
        status, body = self.daemon.request("POST", f"/containers/{self.id}/kill")
        assert (status, b"is not running" in body) == (409, True), body

    def stop(self) -> None:
        assert self.daemon.request("POST", f"/containers/{self.id}/stop")[0] == 304

    def inspect(self) -> None:
        state = self.daemon.json("GET", f"/containers/{self.id}/json")["State"]
        assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 5, 0)

    def published(self) -> None:
        """Another container can have the port."""
        Run(self.daemon, self.deaths, 1).remove()

    def remove(self) -> None:
        assert self.daemon.request("DELETE", f"/containers/{self.id}") == (204, b"")
        assert self.daemon.request("GET", f"/containers/{self.id}/json")[0] == 404


FIRST: tuple[Callable[[Run], None], ...] = (
    Run.check_log,
    Run.start,
    Run.exec,
    Run.kill,
    Run.stop,
    Run.inspect,
    Run.published,
    Run.remove,
)


def die(daemon: Daemon, deaths: Deaths, times: int) -> None:
    chance = random.Random("die")
    for number in range(times):
        run = Run(daemon, deaths, chance.choice((0, 1, 20, 2000)))
        first = FIRST[number % len(FIRST)]
        first(run)
        if first is not Run.remove:
            run.check_log()
            run.remove()


def test_everything_is_settled_when_die_is_told(daemon: Daemon, deaths: Deaths) -> None:
    die(daemon, deaths, 32)


@pytest.mark.torture
def test_everything_is_settled_five_hundred_times(daemon: Daemon, deaths: Deaths) -> None:
    die(daemon, deaths, 500)
