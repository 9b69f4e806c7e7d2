"""A laboratory for network tests: each one runs in a child with namespaces of its own.

A child, because a thread's namespace is inherited by every thread that it starts, and trio's
workers are shared. Links, rules and mounts end with the child.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Interface
from pathlib import Path

import trio

from engine.adapters.netlink.adapter import Netlink
from engine.adapters.nft.firewall import NftFirewall
from engine.domain.networks.facade import Networks, NetworkSettings
from engine.domain.networks.service import NetworksService
from tests.fakes.networks import FakeDrivers, FakeIpams, FakeResolver, FakeStore
from tests.harness.surroundings import surround

PEER = str(Path(__file__).with_name("network_peer.py"))
ROOT = Path(__file__).parents[2]
NEIGHBOUR = "192.0.2.2"
HOST = "192.0.2.1"


def in_lab(body: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run the test's body in a child process that has its own network and mounts."""

    @functools.wraps(body)
    def test(**parameters: object) -> None:
        code = f"from tests.integration import network_lab as lab; lab.main({body.__module__!r}, {body.__qualname__!r}, {parameters!r})"
        done = subprocess.run(
            ["unshare", "--net", "--mount", sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    return test


def main(module: str, name: str, parameters: dict[str, object]) -> None:
    test = getattr(importlib.import_module(module), name)
    trio.run(functools.partial(test.__wrapped__, **parameters))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}{done.stdout}")
    return done.stdout


def setting(path: str, value: str) -> None:
    Path("/proc/sys/net", path).write_text(value)


class Lab:
    """The host (this process's namespace), a neighbour beside it, and a networks room."""

    def __init__(self, directory: Path) -> None:
        self.exec_root = directory
        self.store = FakeStore()
        self.resolver = FakeResolver()
        self.events: list[str] = []
        self._children: list[subprocess.Popen[str]] = []
        run("ip", "link", "set", "lo", "up")
        setting("ipv4/ip_forward", "0")  # a new namespace has what the host has
        surround(run)
        self.neighbour = self._neighbour()

    def _neighbour(self) -> str:
        # Without our output: who waits for its end must not wait for one that was left behind.
        quiet = subprocess.DEVNULL
        sleeper = ["unshare", "--net", "sleep", "600"]
        child = subprocess.Popen(sleeper, text=True, stdout=quiet, stderr=quiet)
        self._children.append(child)
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{child.pid}/ns/net") == own:
            os.sched_yield()
        path = f"/proc/{child.pid}/ns/net"
        run(
            "ip",
            "link",
            "add",
            "up0",
            "type",
            "veth",
            "peer",
            "name",
            "up1",
            "netns",
            str(child.pid),
        )
        run("ip", "addr", "add", f"{HOST}/24", "dev", "up0")
        run("ip", "link", "set", "up0", "up")
        for command in (
            f"ip addr add {NEIGHBOUR}/24 dev up1",
            "ip link set up1 up",
            "ip link set lo up",
        ):
            run("nsenter", f"--net={path}", *command.split())
        return path

    def networks(self, **settings: object) -> Networks:
        chosen = {"engine_id": "lab1", "bip": IPv4Interface("172.31.0.1/24")} | settings
        return Networks(
            NetworkSettings(**chosen),  # type: ignore[arg-type]
            links=Netlink(self.exec_root),
            firewall=NftFirewall("lab1"),
            store=self.store,
            resolver=self.resolver,
            drivers=FakeDrivers(),
            ipams=FakeIpams(),
            announce=self.announced,
        )

    async def announced(self, name: str, attributes: dict[str, str]) -> None:
        self.events.append(name)

    def serve(self, namespace: str | None, proto: str, port: int) -> None:
        command = [*_inside(namespace), sys.executable, "-SE", PEER, "serve", proto, str(port)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"

    async def ask(
        self, namespace: str | None, proto: str, host: str, port: int, source: int = 0
    ) -> str:
        return await self.peer(namespace, "ask", proto, host, str(port), str(source))

    async def peer(self, namespace: str | None, *arguments: str) -> str:
        command = [*_inside(namespace), sys.executable, "-SE", PEER, *arguments]
        done = await trio.run_process(command, capture_stdout=True)
        return done.stdout.decode().strip()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look until it is so, for at most three seconds."""
        with trio.fail_after(3):
            while True:
                if condition():
                    return
                await trio.sleep(0.03)

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()


def _inside(namespace: str | None) -> list[str]:
    return [] if namespace is None else ["nsenter", f"--net={namespace}"]


@contextlib.asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="trimaran-net-") as directory:
        here = Lab(Path(directory))
        try:
            yield here
        finally:
            here.close()
            await Netlink(here.exec_root).sweep_namespaces(())


@contextlib.asynccontextmanager
async def running(networks: Networks) -> AsyncIterator[NetworksService]:
    """The room's service, as the supervision tree would run it."""
    service = networks.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield service
        await service.stop()
