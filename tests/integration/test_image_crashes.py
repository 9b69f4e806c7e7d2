"""kill -9 at random moments of pull, load, commit and rmi: the next start is clean and no byte is lost sight of.

All chance comes from one seed. The short round takes one moment of each; `just images` takes fifty.
"""

from __future__ import annotations

import http.client
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.image_archives import config_of, docker_archive, tar_of
from tests.harness.daemon import Daemon
from tests.harness.images import busybox_tar
from tests.harness.registry import Registry

pytestmark = pytest.mark.integration

ROUNDS = 50
SIZE = 3 << 20
SETTLED = 20.0
"""Seconds in which containerd ends what it was doing for the daemon that was killed."""
CHANCE = random.Random("trimaran images")


class Attempt:
    """A request in a thread; `done` says that its success was told before the daemon died."""

    def __init__(self, daemon: Daemon, method: str, path: str, body: Any = None) -> None:
        self.done = False
        self._ask = (daemon, method, path, body)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        daemon, method, path, body = self._ask
        try:
            status, answer = daemon.request(method, path, body)
        except (OSError, http.client.HTTPException):
            return
        # A stream that breaks off is an exception; one that ends may end in an error.
        self.done = status < 300 and b'"error"' not in answer

    def wait(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


class Lab:
    """A daemon, a registry that has `pulled`, an archive of `loaded`, and a container to commit."""

    def __init__(self, daemon: Daemon, registry: Registry) -> None:
        self.daemon = daemon
        self.pulled = f"{registry.host}/pulled:1"
        self.archive = self._archive("loaded:1")
        self._load(self._archive(self.pulled)).wait()
        daemon.docker("push", self.pulled, check=True)
        daemon.docker("rmi", self.pulled, check=True)
        command = f"head -c {SIZE} /dev/urandom > /proof"
        daemon.docker("run", "--name", "source", "busybox", "sh", "-c", command, check=True)
        self.operations: dict[str, tuple[str, Callable[[], None], Callable[[], Attempt]]] = {
            "pull": (self.pulled, lambda: self.without(self.pulled), self._pull),
            "load": ("loaded:1", lambda: self.without("loaded:1"), self._load),
            "commit": ("committed:1", lambda: self.without("committed:1"), self._commit),
            "rmi": ("loaded:1", self.with_loaded, self._rmi),
        }
        self.times = {name: self._time(name) for name in self.operations}

    def _archive(self, name: str) -> bytes:
        layers = [busybox_tar(), tar_of({"proof": CHANCE.randbytes(SIZE)})]
        return docker_archive((config_of(layers, Cmd=["sh"]), layers, [name]))

    def _pull(self) -> Attempt:
        return Attempt(self.daemon, "POST", f"/images/create?fromImage={self.pulled}")

    def _load(self, archive: bytes = b"") -> Attempt:
        return Attempt(self.daemon, "POST", "/images/load", archive or self.archive)

    def _commit(self) -> Attempt:
        return Attempt(self.daemon, "POST", "/commit?container=source&repo=committed&tag=1", {})

    def _rmi(self) -> Attempt:
        return Attempt(self.daemon, "DELETE", "/images/loaded:1")

    def without(self, name: str) -> None:
        self.daemon.request("DELETE", f"/images/{name}?force=1")

    def with_loaded(self) -> None:
        loading = self._load()
        loading.wait()
        assert loading.done

    def _time(self, name: str) -> float:
        """How long the operation takes undisturbed."""
        _, prepare, act = self.operations[name]
        prepare()
        began = time.monotonic()
        attempt = act()
        attempt.wait()
        assert attempt.done, name
        return time.monotonic() - began

    def names(self) -> set[str]:
        found = self.daemon.json("GET", "/images/json")
        return {name for each in found for name in each["RepoTags"] or [each["Id"]]}

    def round(self, operation: str) -> None:
        name, prepare, act = self.operations[operation]
        prepare()
        before = self.names()
        moment = CHANCE.uniform(0, 1.2 * self.times[operation])
        attempt = act()
        time.sleep(moment)
        self.daemon.kill()
        attempt.wait()
        self.daemon.start()
        try:
            self.check(operation, name, before, done=attempt.done)
        except AssertionError as error:
            error.add_note(f"{operation}, killed after {moment:.3f} s")
            raise

    def check(self, operation: str, name: str, before: set[str], *, done: bool) -> None:
        after = before - {name} if operation == "rmi" else before | {name}
        found = self.names()
        assert found == after or (found == before and not done), (found, before, done)
        if name in found:
            self.daemon.docker("run", "--rm", name, "test", "-s", "/proof", check=True)
        self.swept()

    def swept(self) -> None:
        """No byte is anybody's or nobody's but an image's, a container's, or the engine's own."""
        deadline = time.monotonic() + SETTLED
        while left := self.left_over():
            assert time.monotonic() < deadline, left
            time.sleep(0.2)

    def left_over(self) -> dict[str, Any]:
        swept = self.daemon.json("POST", "/_trimaran/storage/sweep?grace=0")
        found = self.daemon.json("GET", "/_trimaran/storage")
        whole = du(self.daemon.root / "data")
        owners = {name: each["bytes"] for name, each in found["owners"].items()}
        lost = {name: owners[name] for name in ("unowned", "staging", "foreign") if owners[name]}
        if abs(whole - found["total"]) > 0.01 * whole:
            lost["not accounted"] = whole - found["total"]
        return lost and {**lost, "items": found["unowned"], "swept": swept}


def du(path: Path) -> int:
    command = ["du", "-sx", "-B1", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, text=True)
    return int(done.stdout.split()[0])  # what vanishes meanwhile makes it fail, and doesn't matter


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Daemon() as daemon, Registry(daemon) as registry:
        daemon.load_busybox()
        yield Lab(daemon, registry)


@pytest.mark.parametrize("operation", ["pull", "load", "commit", "rmi"])
def test_killed_at_a_random_moment(lab: Lab, operation: str) -> None:
    lab.round(operation)


@pytest.mark.torture
def test_killed_at_fifty_random_moments(lab: Lab) -> None:
    for _ in range(ROUNDS):
        lab.round(CHANCE.choice(list(lab.operations)))
