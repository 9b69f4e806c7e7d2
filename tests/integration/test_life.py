"""The daemon's own life on a real one: reload, signals, what it says to systemd."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon

PATIENCE = 30.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon() as running:
        yield running


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


def configure(daemon: Daemon, **keys: Any) -> None:
    (daemon.root / "daemon.json").write_text(json.dumps(keys))


def reloads(daemon: Daemon) -> list[dict[str, Any]]:
    _, body = daemon.request(
        "GET", f"/events?since=0&until={time.time()}&filters=%7B%22type%22%3A%5B%22daemon%22%5D%7D"
    )
    events = [json.loads(line) for line in body.splitlines()]
    return [each for each in events if each["Action"] == "reload"]


def test_sighup_takes_over_what_the_file_says(daemon: Daemon) -> None:
    assert daemon.process is not None
    configure(daemon, labels=["rack=7"], mtu=1400, **{"live-restore": True})
    daemon.process.send_signal(signal.SIGHUP)
    info = until(
        lambda: (found := daemon.json("GET", "/info"))["Labels"] == ["rack=7"] and found,
        "the new label",
    )
    assert info["LiveRestoreEnabled"]
    (event,) = reloads(daemon)
    attributes = event["Actor"]["Attributes"]
    assert attributes["labels"] == '["rack=7"]'
    assert set(attributes["changed"].split(",")) == {"labels", "live-restore"}


def test_dry_run_says_what_it_would_do_and_a_refusal_changes_nothing(daemon: Daemon) -> None:
    before = daemon.json("GET", "/info")["Labels"]
    configure(daemon, labels=["rack=8"], debug=True)
    trial = daemon.json("POST", "/_trimaran/reload?dry-run=1")
    assert {each["key"]: each["verdict"] for each in trial["changes"]}["debug"] == "applied"
    assert daemon.json("GET", "/info")["Labels"] == before
    configure(daemon, labels=["rack=8"], nonsense=1)
    status, body = daemon.request("POST", "/_trimaran/reload")
    assert status == 400
    assert (
        "the following directives don't match any configuration option: nonsense"
        in (json.loads(body)["message"])
    )
    assert daemon.json("GET", "/info")["Labels"] == before
    configure(daemon, labels=["rack=8"], bridge="other0")
    assert daemon.request("POST", "/_trimaran/reload")[0] == 400
    assert daemon.json("GET", "/info")["Labels"] == before
    assert len(reloads(daemon)) == 1


def test_sigusr1_writes_the_tasks_and_the_daemon_goes_on(daemon: Daemon) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGUSR1)
    (path,) = until(
        lambda: list((daemon.root / "exec").glob("goroutine-stacks-*.log")), "the stacks"
    )
    text = until(path.read_text, "their text")
    assert "task root/containers" in text
    assert daemon.json("GET", "/info")
