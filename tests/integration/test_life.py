"""The daemon's own life on a real one: reload, signals, what it says to systemd."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon, UnixConnection

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

PATIENCE = 30.0
# What systemd does for a socket unit: the pid of the process that becomes the daemon, and the socket as number 3.
ACTIVATE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


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


class Manager:
    """systemd's side of the notify socket."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(0.1)
        self.messages: list[str] = []

    def heard(self, start: str) -> str | None:
        """The first message that begins so, once it has come."""
        with contextlib.suppress(TimeoutError):
            self.messages.append(self.sock.recv(4096).decode())
        return next((each for each in self.messages if each.startswith(start)), None)

    def drain(self, seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        self.messages.clear()
        while time.monotonic() < deadline:
            self.heard("nothing")
        return list(self.messages)


def test_systemd_is_told_from_the_start_to_the_end() -> None:
    daemon = Daemon()
    manager = Manager(daemon.root / "notify")
    activated = socket.socket(socket.AF_UNIX)
    early = UnixConnection(str(daemon.root / "activated.sock"))
    try:
        daemon.make_namespace()
        activated.bind(str(daemon.root / "activated.sock"))
        activated.listen()
        # A client may be there before the daemon: the kernel holds it until somebody accepts.
        early.request("GET", "/_ping")
        daemon.prefix = [sys.executable, "-c", ACTIVATE, str(activated.fileno())]
        daemon.pass_fds = (activated.fileno(),)
        notify = {"NOTIFY_SOCKET": str(daemon.root / "notify"), "WATCHDOG_USEC": "900000"}
        daemon.start("--host=fd://", environment=notify)
        assert daemon.process is not None
        ready = until(lambda: manager.heard("READY=1"), "READY")
        assert f"MAINPID={daemon.process.pid}" in ready
        assert any(each.startswith("EXTEND_TIMEOUT_USEC=") for each in manager.messages)
        assert early.getresponse().status == 200
        until(lambda: manager.heard("STATUS=0 containers running"), "the status")
        until(lambda: manager.heard("WATCHDOG=1"), "a ping")
        configure(daemon, debug=True)
        manager.messages.clear()
        daemon.process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in until(lambda: manager.heard("RELOADING=1"), "RELOADING")
        until(lambda: manager.heard("READY=1"), "READY after the reload")
        daemon.process.send_signal(signal.SIGSTOP)
        manager.drain(0.3)
        assert "WATCHDOG=1" not in manager.drain(1.5)
        daemon.process.send_signal(signal.SIGCONT)
        until(lambda: manager.heard("WATCHDOG=1"), "a ping after the freeze")
        environment = Path(f"/proc/{daemon.process.pid}").parent
        children = [
            (environment / pid / "environ").read_bytes()
            for pid in Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
            .read_text()
            .split()
        ]
        assert not any(b"NOTIFY_SOCKET" in each for each in children)
        assert daemon.stop() == 0
        until(lambda: manager.heard("STOPPING=1"), "STOPPING")
        assert (daemon.root / "activated.sock").exists()  # it is systemd's
    finally:
        for each in (manager.sock, activated):
            each.close()
        early.close()
        daemon.close()


def test_third_signal_forces_the_end() -> None:
    with Daemon("--shutdown-timeout=-1") as daemon:
        daemon.load_busybox()
        body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "StopTimeout": -1}
        daemon.json("POST", "/containers/create?name=stubborn", body)
        daemon.json("POST", "/containers/stubborn/start")
        assert daemon.process is not None
        for number in (1, 2, 3):
            daemon.process.send_signal(signal.SIGTERM)
            until(
                lambda number=number: daemon.tail().count("Processing signal") >= number,
                "the signal's line",
            )
            if number < 3:
                time.sleep(0.2)
                assert daemon.process.poll() is None
        assert daemon.process.wait(PATIENCE) == 128 + signal.SIGTERM
        assert "Forcing docker daemon shutdown without cleanup" in daemon.tail()
