"""containerd killed or stopped under load, and shims killed: reads go on, and soon all is right again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.harness.daemon import Daemon, processes_of, running_daemon
from tests.harness.deeds import wait_for
from tests.harness.faulting import processes_in
from tests.harness.traces import difference, resting, shims

pytestmark = [pytest.mark.client, pytest.mark.integration]

RIGHT_AGAIN = 5.0
QUICK = 1.0
LOOP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
SERVE = "echo hi >/var/www/index.html; exec httpd -f -p 80 -h /var/www"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        found.docker("run", "--rm", "busybox", "true", check=True)
        yield found


@contextmanager
def load(daemon: Daemon) -> Iterator[list[int]]:
    """Clients that run containers all the while; their exit codes."""
    codes: list[int] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            done = daemon.docker("run", "--rm", "--net", "none", "busybox", "sh", "-c", "exit 3")
            codes.append(done.returncode)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        yield codes
    finally:
        over.set()
        for each in threads:
            each.join(60)


@contextmanager
def reading(daemon: Daemon) -> Iterator[None]:
    """Lists and inspects meanwhile, each of which must be quick."""
    over = threading.Event()
    slowest = [0.0]

    def work() -> None:
        while not over.is_set():
            for path in ("/containers/json?all=1", "/containers/steady/json", "/images/json"):
                began = time.monotonic()
                assert daemon.request("GET", path)[0] == 200
                slowest[0] = max(slowest[0], time.monotonic() - began)
            time.sleep(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
    assert 0 < slowest[0] < QUICK


def containerd(daemon: Daemon) -> int:
    return int(json.loads((daemon.root / "exec/containerd/containerd.pid").read_text())["pid"])


def killed(daemon: Daemon) -> None:
    os.kill(containerd(daemon), signal.SIGKILL)


def stopped_for_a_while(daemon: Daemon) -> None:
    pid = containerd(daemon)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(pid, signal.SIGCONT)


def state(daemon: Daemon, name: str) -> dict[str, object]:
    found: dict[str, object] = daemon.json("GET", f"/containers/{name}/json")["State"]
    return found


@pytest.mark.parametrize("disturb", [killed, stopped_for_a_while])
def test_an_outage_of_containerd_is_over_when_it_is_over(
    daemon: Daemon, disturb: Callable[[Daemon], None]
) -> None:
    empty = resting(daemon)
    daemon.docker("run", "-d", "--name", "steady", "busybox", "sh", "-c", LOOP, check=True)
    daemon.docker(
        "run", "-d", "--name", "web", "-p", "18095:80", "busybox", "sh", "-c", SERVE, check=True
    )
    ending = "while [ ! -e /go ]; do sleep 0.05; done; exit 6"
    daemon.docker("run", "-d", "--name", "ending", "busybox", "sh", "-c", ending, check=True)
    before = {name: state(daemon, name)["Pid"] for name in ("steady", "web")}
    go = f"/proc/{state(daemon, 'ending')['Pid']}/root/go"
    with load(daemon) as codes:
        wait_for(lambda: len(codes) > 3, "the load runs")
        with reading(daemon):
            open(go, "w").close()
            disturb(daemon)
            ended = time.monotonic()
            wait_for(lambda: works(daemon), "containers run again", RIGHT_AGAIN)
            expected = {"Status": "exited", "ExitCode": 6}
            wait_for(
                lambda: expected.items() <= state(daemon, "ending").items(),
                lambda: f"its exit is known: {state(daemon, 'ending')}",
                max(0.1, RIGHT_AGAIN - (time.monotonic() - ended)),
            )
    assert {name: state(daemon, name)["Pid"] for name in before} == before
    page = daemon.inside(
        "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:18095/", capture_output=True
    )
    assert page.stdout == "hi\n"
    assert set(codes) <= {3, 125}, codes
    daemon.docker("rm", "-f", "steady", "web", "ending", check=True)
    for each in daemon.json("GET", "/containers/json?all=1"):
        daemon.docker("rm", "-f", each["Id"], check=True)
    wait_for(lambda: not difference(daemon, empty), lambda: str(difference(daemon, empty)))


def works(daemon: Daemon) -> bool:
    done = daemon.docker("run", "--rm", "--net", "none", "busybox", "sh", "-c", "exit 4")
    return done.returncode == 4 and daemon.docker("exec", "steady", "true").returncode == 0


@pytest.mark.parametrize("then", ["start", "rm"])
def test_the_container_of_a_killed_shim_has_ended_and_leaves_nothing(
    daemon: Daemon, then: str
) -> None:
    empty = resting(daemon)
    daemon.docker(
        "run", "-d", "--name", "orphan", "-p", "18096:80", "busybox", "sh", "-c", LOOP, check=True
    )
    found = daemon.json("GET", "/containers/orphan/json")
    (shim,) = [pid for pid in processes_of(str(daemon.root)) if is_shim_of(pid, found["Id"])]
    os.kill(shim, signal.SIGKILL)
    wait_for(
        lambda: state(daemon, "orphan")["Status"] == "exited",
        lambda: f"it has ended: {state(daemon, 'orphan')}",
        RIGHT_AGAIN,
    )
    assert state(daemon, "orphan")["ExitCode"] in (137, 255)
    wait_for(lambda: not processes_in(found["Id"]), "its processes are gone", RIGHT_AGAIN)
    if then == "start":
        daemon.docker("start", "orphan", check=True)
        assert daemon.docker("exec", "orphan", "echo", "yes", check=True).stdout == b"yes\n"
        assert shims(daemon) == [found["Id"]]
        daemon.docker("rm", "-f", "orphan", check=True)
    else:
        daemon.docker("rm", "orphan", check=True)
    wait_for(lambda: not difference(daemon, empty), lambda: str(difference(daemon, empty)))


def is_shim_of(pid: int, container_id: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read()
    except OSError:
        return False
    return b"containerd-shim" in command and container_id.encode() in command
