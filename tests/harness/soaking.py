"""A daemon under mixed work for a while: what it holds at the end is what it held when it had warmed up."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.harness.daemon import Daemon, UnixConnection

STAYING = 4
"""Containers that run throughout, with health checks, and print."""
PRINTING = "while true; do echo $(date); sleep 0.2; done"


@dataclass(frozen=True)
class Sample:
    """Of the daemon alone: seconds since the begin, resident bytes, open descriptors, threads."""

    at: float
    resident: int
    descriptors: int
    threads: int


def sample(pid: int, begun: float) -> Sample:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Sample(
        time.monotonic() - begun,
        int(status["VmRSS"].split()[0]) * 1024,
        len(os.listdir(f"/proc/{pid}/fd")),
        int(status["Threads"]),
    )


class Soak:
    """Workers of each kind do their work over and over until `seconds` are over; failures are kept."""

    def __init__(self, daemon: Daemon, seconds: float, seed: int = 1) -> None:
        self.daemon = daemon
        self.seconds = seconds
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self.samples: list[Sample] = []
        self._over = threading.Event()

    def run(self) -> None:
        for n in range(STAYING):
            body = {
                "Image": "busybox",
                "Cmd": ["sh", "-c", PRINTING],
                "StopSignal": "SIGKILL",
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 2 * 10**9},
            }
            self.daemon.json("POST", f"/containers/create?name=stays-{n}", body)
            self.daemon.json("POST", f"/containers/stays-{n}/start")
        works = (self.come_and_go, self.execute, self.follow, self.listen, self.look)
        threads = [threading.Thread(target=self.repeat, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        assert self.daemon.process is not None
        begun = time.monotonic()
        while time.monotonic() - begun < self.seconds:
            time.sleep(min(1.0, self.seconds / 20))
            self.samples.append(sample(self.daemon.process.pid, begun))
        self._over.set()
        for thread in threads:
            thread.join(120)
        # At rest: what is held now is held for good.
        time.sleep(2)
        self.samples.append(sample(self.daemon.process.pid, begun))

    def repeat(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
                self.done[work.__name__] += 1
            except (AssertionError, OSError) as error:
                self.failures.append(f"{work.__name__}: {error!r}")
            self._over.wait(0.05)

    def come_and_go(self) -> None:
        body = {"Image": "busybox", "Cmd": ["echo", "here"]}
        id_ = self.daemon.json("POST", "/containers/create", body)["Id"]
        self.daemon.json("POST", f"/containers/{id_}/start")
        assert self.daemon.json("POST", f"/containers/{id_}/wait")["StatusCode"] == 0
        self.daemon.json("DELETE", f"/containers/{id_}")

    def execute(self) -> None:
        asked = {"Cmd": ["true"], "AttachStdout": True}
        name = f"stays-{self.random.randrange(STAYING)}"
        id_ = self.daemon.json("POST", f"/containers/{name}/exec", asked)["Id"]
        status, _ = self.daemon.request("POST", f"/exec/{id_}/start", {"Detach": False})
        assert status in (101, 200), status

    def follow(self) -> None:
        name = f"stays-{self.random.randrange(STAYING)}"
        self.leave_early(f"/containers/{name}/logs?follow=1&stdout=1&tail=5", 0.5)

    def listen(self) -> None:
        self.leave_early("/events?since=1", 0.3)

    def look(self) -> None:
        for path in ("/containers/json?all=1", "/info", "/images/json", "/containers/stays-0/json"):
            assert self.daemon.request("GET", path)[0] == 200

    def leave_early(self, path: str, seconds: float) -> None:
        """A stream that its client gives up."""
        connection = UnixConnection(self.daemon.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            assert response.read(1)
            time.sleep(seconds)
        finally:
            connection.close()

    def growth(self) -> tuple[float, int, int]:
        """Bytes of memory, descriptors and threads: the last quarter's medians less the second quarter's."""
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]

        def grown(of: Callable[[Sample], int]) -> float:
            return statistics.median(map(of, late)) - statistics.median(map(of, early))

        return (
            grown(lambda each: each.resident),
            int(grown(lambda each: each.descriptors)),
            int(grown(lambda each: each.threads)),
        )

    def table(self) -> str:
        """For bench/RESULTS.md: a row for each tenth of the time."""
        step = max(1, len(self.samples) // 10)
        rows = [
            f"| {each.at:.0f} s | {each.resident / 1e6:.1f} MB | {each.descriptors} | {each.threads} |"
            for each in [*self.samples[::step], self.samples[-1]]
        ]
        head = ["| after | resident | descriptors | threads |", "|---|---|---|---|"]
        work = ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
        return "\n".join([*head, *rows, "", f"Work done: {work}; failures: {len(self.failures)}."])
