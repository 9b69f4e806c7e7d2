"""What is measured: each work with its preparation, one sample of it, and what it must reach."""

from __future__ import annotations

import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import ClassVar

from bench.engines import Contestant
from bench.keepalive import Keepalive
from bench.samples import Limit

LINE = "0123456789" * 3 + "0123456"  # 38 bytes with its newline
GETS = 50
"""Requests behind one sample of a GET; the sample is their median."""
IN_FLIGHT = 4


@dataclass(frozen=True)
class Scale:
    """How much of everything: the long form, or a smoke."""

    rounds: int = 15
    megabytes: int = 50
    containers: int = 200
    image_megabytes: int = 500
    images: int = 1000
    runs: int = 12
    files: int = 10_000
    steps: int = 20
    crowd: int = 20
    """Containers that write at the same time."""
    traced: int = 4
    """Runs under strace, which makes each some seconds long."""
    settle: float = 3.0
    idle: float = 25.0
    """Seconds without work before memory is read: both engines give back in their own time."""


SMOKE = Scale(
    rounds=2,
    megabytes=1,
    containers=4,
    image_megabytes=4,
    images=5,
    runs=4,
    files=50,
    steps=4,
    crowd=2,
    traced=1,
    settle=0.2,
    idle=0.2,
)


class Work:
    """`sample` returns one figure in `unit`; `prepare` and `clean` are not measured."""

    name = ""
    unit = "ms"
    limit: Limit | None = None
    share: ClassVar[float] = 1.0
    """Of the scale's rounds."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    @property
    def rounds(self) -> int:
        return max(2, round(self.scale.rounds * self.share))

    def prepare(self, engine: Contestant) -> None:  # noqa: ARG002 - for those that have something to prepare
        return

    def sample(self, engine: Contestant) -> float:
        raise NotImplementedError

    def clean(self, engine: Contestant) -> None:  # noqa: ARG002 - for those that have something to clean
        return


class Run(Work):
    options: tuple[str, ...] = ()

    def sample(self, engine: Contestant) -> float:
        return engine.cli("run", "--rm", *self.options, "busybox", "true")


class PlainRun(Run):
    name = "`docker run --rm busybox true`"
    limit = Limit(0.4)


class RunWithoutNetwork(Run):
    name = "the same, `--net none`"
    limit = Limit(0.45)
    options = ("--net", "none")


class RunWithPort(Run):
    name = "the same, `-p 80`"
    limit = Limit(0.4)
    options = ("-p", "80")


class ManyRuns(Work):
    name = "twelve of them, four at a time, each"
    limit = Limit(0.5)
    share = 0.4

    def sample(self, engine: Contestant) -> float:
        before = time.perf_counter()
        running: list[subprocess.Popen[bytes]] = []
        for _ in range(self.scale.runs):
            if len(running) == IN_FLIGHT:
                engine.ended(running.pop(0))
            running.append(engine.spawn("run", "--rm", "busybox", "true"))
        for process in running:
            engine.ended(process)
        return (time.perf_counter() - before) * 1000 / self.scale.runs


class Exec(Work):
    name = "`docker exec true`"
    limit = Limit(0.8)

    def prepare(self, engine: Contestant) -> None:
        engine.cli("run", "-d", "--name", "sleeper", "busybox", "sleep", "3600")

    def sample(self, engine: Contestant) -> float:
        return engine.cli("exec", "sleeper", "true")

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", "sleeper")


class Output(Work):
    limit: Limit | None = Limit(0.3)
    share = 0.2

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`docker run` that prints {scale.megabytes} MB of 38-byte lines"
        size = scale.megabytes * 1_000_000
        self.command = ("busybox", "sh", "-c", f"yes {LINE} | head -c {size}")

    def sample(self, engine: Contestant) -> float:
        taken = engine.cli("run", "--name", "talker", *self.command)
        engine.cli("rm", "talker")
        return taken


class Logs(Output):
    limit = None

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`docker logs` of {scale.megabytes} MB of such lines"

    def prepare(self, engine: Contestant) -> None:
        engine.cli("run", "-d", "--name", "talker", *self.command)
        engine.cli("wait", "talker")

    def sample(self, engine: Contestant) -> float:
        return engine.cli("logs", "talker")

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "talker")


class Get(Work):
    """A connection for each request, as the docker CLI has it, through Python's own HTTP client."""

    path = ""
    gets = GETS

    def sample(self, engine: Contestant) -> float:
        return statistics.median(self._timed(engine) for _ in range(self.gets))

    def _timed(self, engine: Contestant) -> float:
        before = time.perf_counter()
        status, _ = engine.request("GET", self.path)
        assert status == 200, f"GET {self.path} on {engine.label}: {status}"
        return (time.perf_counter() - before) * 1000


class KeptAlive(Work):
    """One connection for all requests, and a client that does nothing else: the daemon's part alone."""

    path = ""
    gets = GETS

    def sample(self, engine: Contestant) -> float:
        with Keepalive(engine.socket) as client:
            client.get(self.path)
            return statistics.median(client.timed(self.path) for _ in range(self.gets))


class Ping(Get):
    name = "`GET /_ping`"
    limit: Limit | None = Limit(3)
    path = "/_ping"


class PingKeptAlive(KeptAlive):
    name = "the same on a kept-alive connection, by a bare client"
    path = "/_ping"


def run_subject(engine: Contestant) -> None:
    engine.cli("run", "-d", "--name", "subject", "busybox", "sleep", "3600")


def remove_subject(engine: Contestant) -> None:
    engine.cli("rm", "-f", "subject")


class Inspect(Get):
    name = "`GET /containers/{id}/json`"
    limit: Limit | None = Limit(2)
    path = "/containers/subject/json"

    def prepare(self, engine: Contestant) -> None:
        run_subject(engine)

    def clean(self, engine: Contestant) -> None:
        remove_subject(engine)


class InspectKeptAlive(KeptAlive):
    name = "the same inspect on a kept-alive connection, by a bare client"
    path = Inspect.path

    def prepare(self, engine: Contestant) -> None:
        run_subject(engine)

    def clean(self, engine: Contestant) -> None:
        remove_subject(engine)


class List(Get):
    limit = Limit(0.3)
    path = "/containers/json?all=1"
    gets = 10

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`GET /containers/json?all=1`, {scale.containers} containers"

    def prepare(self, engine: Contestant) -> None:
        for number in range(self.scale.containers):
            body = {"Image": "busybox", "Cmd": ["true"], "Labels": {"number": str(number)}}
            engine.json("POST", f"/containers/create?name=listed{number}", body)
        time.sleep(self.scale.settle)

    def clean(self, engine: Contestant) -> None:
        for number in range(self.scale.containers):
            engine.json("DELETE", f"/containers/listed{number}")


class Memory(Work):
    """Of the daemon alone, without its containerd, which both engines have."""

    name = "resident memory, idle after its start"
    unit = "MB"
    limit = Limit(0.8)

    def prepare(self, engine: Contestant) -> None:  # noqa: ARG002 (both rest)
        time.sleep(self.scale.idle)

    def sample(self, engine: Contestant) -> float:
        return engine.resident_mb()


class MemoryAfterwards(Memory):
    name = "resident memory, idle after all of the above"


class Restart(Work):
    name = "from the daemon's start to its first ping"
    share = 0.35

    def sample(self, engine: Contestant) -> float:
        engine.stop()
        before = time.perf_counter()
        engine.start()
        return (time.perf_counter() - before) * 1000


class Client(Work):
    """Not the daemon's: what the docker CLI itself costs in every row above."""

    name = "`docker version`, the client's own part"

    def sample(self, engine: Contestant) -> float:
        return engine.cli("version")


WORKS: tuple[type[Work], ...] = (
    Memory,
    Restart,
    PlainRun,
    RunWithoutNetwork,
    RunWithPort,
    ManyRuns,
    Exec,
    Output,
    Logs,
    Ping,
    PingKeptAlive,
    Inspect,
    InspectKeptAlive,
    List,
    Client,
    MemoryAfterwards,
)
