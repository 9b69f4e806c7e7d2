"""Traffic, addresses and output of containers while their daemon is restarted, killed and replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon, UnixConnection

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

FIRST_PORT = 18000
ASKED = 5  # of the published ports, in turns, 50 requests a second
CLIENT = """
import json, signal, socket, sys, time
ports, failures, done = json.loads(sys.argv[1]), [], 0
over = False
def stop(*_):
    global over
    over = True
signal.signal(signal.SIGTERM, stop)
while not over:
    port = ports[done % len(ports)]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
            sock.sendall(b"GET /etc/hostname HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while chunk := sock.recv(4096):
                answer += chunk
        if b"200 OK" not in answer:
            failures.append([port, answer.decode(errors="replace")[:80]])
    except OSError as error:
        failures.append([port, repr(error)])
    done += 1
    time.sleep(0.02)
print(json.dumps({"done": done, "failures": failures}))
"""
COUNTING = "n=0; while true; do n=$((n+1)); echo $n; sleep 0.02; done"


class Fleet:
    def __init__(self, daemon: Daemon, size: int) -> None:
        self.daemon = daemon
        self.names = [f"web-{n}" for n in range(size)]
        for n, name in enumerate(self.names):
            self.run(name, ["httpd", "-f", "-p", "80", "-h", "/"], FIRST_PORT + n)
        self.run("counter", ["sh", "-c", COUNTING], 0)
        self.before = self.identity()
        ports = [FIRST_PORT + n for n in range(min(size, ASKED))]
        self.client = subprocess.Popen(
            [
                "nsenter",
                f"--net=/run/netns/{daemon.name}",
                sys.executable,
                "-c",
                CLIENT,
                json.dumps(ports),
            ],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def run(self, name: str, command: list[str], port: int) -> None:
        bindings = {"80/tcp": [{"HostPort": str(port)}]} if port else {}
        body = {"Image": "busybox", "Cmd": command, "HostConfig": {"PortBindings": bindings}}
        self.daemon.json("POST", f"/containers/create?name={name}", body)
        self.daemon.json("POST", f"/containers/{name}/start")

    def identity(self) -> dict[str, tuple[Any, ...]]:
        """PID, start, address and MAC of each."""
        found = {}
        for name in [*self.names, "counter"]:
            seen = self.daemon.json("GET", f"/containers/{name}/json")
            network = seen["NetworkSettings"]["Networks"]["bridge"]
            found[name] = (
                seen["State"]["Pid"],
                seen["State"]["StartedAt"],
                network["IPAddress"],
                network["MacAddress"],
            )
        return found

    def traffic(self) -> dict[str, Any]:
        self.client.terminate()
        told, _ = self.client.communicate(timeout=60)
        found: dict[str, Any] = json.loads(told)
        return found

    def close(self) -> None:
        if self.client.poll() is None:
            self.client.kill()
        self.client.wait()
        assert self.client.stdout is not None
        self.client.stdout.close()


class Caller(threading.Thread):
    """Asks the API anew and anew, each time on a fresh connection, while the daemon is replaced."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.over = threading.Event()
        self.failures: list[str] = []
        self.done = 0

    def run(self) -> None:
        while not self.over.is_set():
            connection = UnixConnection(self.path)
            try:
                connection.request("GET", "/containers/json", headers={"Connection": "close"})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failures.append(str(response.status))
            except OSError as error:
                self.failures.append(repr(error))
            finally:
                connection.close()
            self.done += 1
            self.over.wait(0.01)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon("--live-restore") as running:
        running.load_busybox()
        yield running


def started(daemon: Daemon) -> float:
    return float(daemon.json("GET", "/_trimaran/status")["since"])


def hand_over(daemon: Daemon) -> None:
    """The same process, another program; nobody who asks the API is refused."""
    assert daemon.process is not None
    before, caller = started(daemon), Caller(daemon.socket)
    caller.start()
    try:
        daemon.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 60
        while started(daemon) == before:
            assert daemon.process.poll() is None, daemon.tail()
            assert time.monotonic() < deadline, daemon.tail()
            time.sleep(0.05)
        daemon.wait_ready()
    finally:
        caller.over.set()
        caller.join(60)
    assert caller.failures == [], daemon.tail()
    assert caller.done >= 1


def restart(daemon: Daemon) -> None:
    assert daemon.stop() == 0
    daemon.start()


def kill(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()


def voyage(daemon: Daemon, size: int, times: int) -> None:
    fleet = Fleet(daemon, size)
    try:
        for _ in range(times):
            for change in (restart, kill, hand_over):
                change(daemon)
                assert fleet.identity() == fleet.before, change
        traffic = fleet.traffic()
    finally:
        fleet.close()
    assert traffic["failures"] == []
    assert traffic["done"] > 50
    daemon.json("POST", "/containers/counter/kill")
    lines = daemon.docker("logs", "counter", check=True).stdout.split()
    assert [int(line) for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) > 50


def test_containers_do_not_notice_what_becomes_of_their_daemon(daemon: Daemon) -> None:
    voyage(daemon, 4, 1)


@pytest.mark.torture
def test_many_containers_and_many_changes(daemon: Daemon) -> None:
    voyage(daemon, 100, 20)


def test_handing_over_is_refused_when_it_would_stop_containers() -> None:
    with Daemon() as plain:
        plain.load_busybox()
        body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL"}
        plain.json("POST", "/containers/create?name=sleeper", body)
        plain.json("POST", "/containers/sleeper/start")
        before = started(plain)
        assert plain.process is not None
        plain.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 30
        while "live-restore is off" not in plain.tail() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "live-restore is off" in plain.tail()
        assert started(plain) == before
        assert Path(f"/proc/{plain.process.pid}").exists()
