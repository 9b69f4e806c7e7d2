"""Published ports while the ruleset is flushed and the daemon is killed, asked by two other hosts."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon

pytestmark = pytest.mark.integration

LOAD = str(Path(__file__).with_name("network_load.py"))
PORTS = ("18091", "18092", "18093")
ECHO = 18094
RATE = "50"
SERVER = "mkdir /w; echo hello > /w/index.html; exec httpd -f -p 80 -h /w"
HOSTS = ("198.51.100", "203.0.113")
"""The networks of the two other hosts; the daemon's host is .1 in each, they are .2."""


@contextlib.contextmanager
def other_hosts(daemon: Daemon) -> Iterator[list[str]]:
    """Two namespaces beside the daemon's, each with a way of its own to it."""
    names = [f"{daemon.name}h{number}" for number in range(len(HOSTS))]
    try:
        for name, net in zip(names, HOSTS, strict=True):
            subprocess.run(["ip", "netns", "add", name], check=True)
            link = ("link", "add", name, "type", "veth", "peer", "name", "up0", "netns", name)
            daemon.inside("ip", *link)
            daemon.inside("ip", "addr", "add", f"{net}.1/24", "dev", name)
            daemon.inside("ip", "link", "set", name, "up")
            for command in (
                f"addr add {net}.2/24 dev up0",
                "link set up0 up",
                f"route add default via {net}.1",
            ):
                subprocess.run(["ip", "-n", name, *command.split()], check=True)
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextlib.contextmanager
def load(host: str, target: str, patience: float) -> Iterator[dict[str, Any]]:
    """What the client found is in the dict once the block is over."""
    found: dict[str, Any] = {}
    command = ["nsenter", f"--net=/run/netns/{host}", sys.executable, "-SE", LOAD, target, RATE]
    with subprocess.Popen(
        [*command, str(patience), *PORTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n"
            yield found
            out, _ = client.communicate(timeout=120)
            found |= json.loads(out)
        finally:
            client.kill()


def servers(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--subnet", "10.77.0.0/24", "front", check=True)
    for port in PORTS:
        publish = ("-p", f"{port}:80", "busybox", "sh", "-c", SERVER)
        daemon.docker(
            "run", "-d", "--name", f"web-{port}", "--network", "front", *publish, check=True
        )
    echo = ("-p", f"{ECHO}:7", "busybox", "nc", "-ll", "-p", "7", "-e", "cat")
    daemon.docker("run", "-d", "--name", "echo", "--network", "front", *echo, check=True)


def addresses(daemon: Daemon) -> dict[str, str]:
    shown = daemon.json("GET", "/networks/front")["Containers"].values()
    found = {each["Name"]: each["IPv4Address"] for each in shown}
    assert len(set(found.values())) == len(found) == len(PORTS) + 1
    return found


def connected(name: str, host: str, port: int) -> socket.socket:
    """A socket that was made inside the namespace; it stays there."""
    made: list[socket.socket | OSError] = []

    def connect() -> None:

        fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            _setns(fd)
            made.append(socket.create_connection((host, port), 10))
        except OSError as error:
            made.append(error)
        finally:
            os.close(fd)

    thread = threading.Thread(target=connect)  # it ends with its namespace
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _setns(fd: int) -> None:

    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def until_served(host: str) -> None:
    deadline = time.monotonic() + 30
    for port in (*map(int, PORTS), ECHO):
        while True:
            try:
                connected(host, f"{HOSTS[0]}.1", port).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def whole(daemon: Daemon) -> bool:
    return bool(json.loads(daemon.request("GET", "/_trimaran/firewall")[1])["whole"])


def echoed(connection: socket.socket, word: bytes) -> bool:
    connection.settimeout(20)
    connection.sendall(word)
    return connection.recv(100) == word


def flushes_are_survived(daemon: Daemon, one: str, target: str, times: int, limit: float) -> None:
    with connected(one, target, ECHO) as kept:
        assert echoed(kept, b"before")
        for number in range(times):
            # One that was under way while the rules were gone may hang: it is not waited for.
            with load(one, target, 1.0) as found:
                time.sleep(0.5)
                daemon.inside("nft", "flush", "ruleset")
                deadline = time.monotonic() + 30
                while not whole(daemon) and time.monotonic() < deadline:
                    time.sleep(0.05)
                time.sleep(0.5)
            assert found["asked"] > 10
            assert found["gap"] <= limit
            assert echoed(kept, f"after {number}".encode())


def kills_are_not_noticed(daemon: Daemon, one: str, target: str, times: int) -> None:
    before = addresses(daemon)
    with load(one, target, 30.0) as found, connected(one, target, ECHO) as kept:
        for number in range(times):
            daemon.kill()
            assert echoed(kept, f"dead {number}".encode())
            daemon.start()
            assert addresses(daemon) == before
            new = f"new-{number}"
            daemon.docker("run", "-d", "--name", new, "busybox", "sleep", "99", check=True)
            assert echoed(kept, f"alive {number}".encode())
    assert found["asked"] > 10
    assert found["failed"] == 0


def hosts_are_apart(daemon: Daemon, hosts: list[str]) -> None:
    """Each reaches what is published, and nothing else of the containers or of the other."""
    inner = addresses(daemon)["echo"].split("/")[0]
    for host, net in zip(hosts, HOSTS, strict=True):
        with connected(host, f"{net}.1", ECHO) as connection:
            assert echoed(connection, b"hello")
        for target in ((inner, 7), (f"{next(n for n in HOSTS if n != net)}.2", 9)):
            done = subprocess.run(
                ["nsenter", f"--net=/run/netns/{host}", "busybox", "nc", "-w", "1", "-z", target[0], str(target[1])],
                capture_output=True, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert done.returncode != 0


def listen(host: str) -> subprocess.Popen[bytes]:
    command = [
        "nsenter",
        f"--net=/run/netns/{host}",
        "busybox",
        "nc",
        "-ll",
        "-p",
        "9",
        "-e",
        "cat",
    ]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def scenario(*, flushes: int, kills: int, limit: float) -> None:
    daemon = Daemon("--live-restore")
    daemon.make_namespace()
    daemon.inside("sysctl", "-qw", "net.ipv4.ip_forward=0")
    try:
        with other_hosts(daemon) as hosts:
            daemon.start()
            daemon.load_busybox()
            servers(daemon)
            until_served(hosts[0])
            listeners = [listen(host) for host in hosts]
            try:
                hosts_are_apart(daemon, hosts)
            finally:
                for each in listeners:
                    each.kill()
                    each.wait()
            flushes_are_survived(daemon, hosts[0], f"{HOSTS[0]}.1", flushes, limit)
            kills_are_not_noticed(daemon, hosts[1], f"{HOSTS[1]}.1", kills)
    finally:
        daemon.close()


def test_ports_outlive_a_flush_and_a_killed_daemon_and_hosts_stay_apart() -> None:
    scenario(flushes=1, kills=1, limit=10)


@pytest.mark.torture
def test_ports_outlive_ten_flushes_and_ten_killed_daemons() -> None:
    scenario(flushes=10, kills=10, limit=3)
