"""What networks cost: a connection among few and among many, names, bytes through a published port."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.engines import Contestant
from bench.works import Scale, Work

FLOOD = Path(__file__).parents[1] / "tests" / "clients" / "name_flood.py"
SECONDS = 2.0
PORT = 18200
LIMIT = 120.0
READER = """
import socket, sys, time
began = time.perf_counter()
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30) as stream:
    size = 0
    while data := stream.recv(1 << 18):
        size += len(data)
print(size / (time.perf_counter() - began) / 1e6)
"""


class Connect(Work):
    """An endpoint for a container that runs, and its interface there: one request."""

    name = "an endpoint set up: `POST /networks/{id}/connect`"

    def prepare(self, engine: Contestant) -> None:
        engine.cli("network", "create", self.network)
        engine.cli("run", "-d", "--name", "comer", "busybox", "sleep", "3600")
        for number in range(self.crowd):
            name = f"crowd-{number}"
            engine.cli(
                "run", "-d", "--name", name, "--network", self.network, "busybox", "sleep", "3600"
            )

    @property
    def crowd(self) -> int:
        """How many endpoints are there already."""
        return 0

    @property
    def network(self) -> str:
        return f"crowd-of-{self.crowd}"

    def sample(self, engine: Contestant) -> float:
        before = time.perf_counter()
        engine.json("POST", f"/networks/{self.network}/connect", {"Container": "comer"})
        took = (time.perf_counter() - before) * 1000
        engine.json("POST", f"/networks/{self.network}/disconnect", {"Container": "comer"})
        return took

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", "comer", *(f"crowd-{number}" for number in range(self.crowd)))
        # Of two hundred removed at once, dockerd 20.10 now and then forgets an endpoint; it goes with the engine.
        try:
            engine.cli("network", "rm", self.network)
        except AssertionError:
            if engine.label != "dockerd":
                raise


class ConnectAmongMany(Connect):
    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"the same, with {self.crowd} endpoints in the network"

    @property
    def crowd(self) -> int:
        return self.scale.containers


class Names(Work):
    """Of a container, asked from another, 32 questions under way."""

    name = "names resolved in a container, more is better"
    unit = "/s"
    share = 0.2

    def prepare(self, engine: Contestant) -> None:
        engine.cli("network", "create", "names")
        for name in ("known", "asker"):
            engine.cli(
                "run", "-d", "--name", name, "--network", "names", "busybox", "sleep", "3600"
            )

    def sample(self, engine: Contestant) -> float:
        pid = engine.json("GET", "/containers/asker/json")["State"]["Pid"]
        command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-SE", str(FLOOD)]
        done = subprocess.run(
            [*command, "known", str(SECONDS)], capture_output=True, check=True, timeout=LIMIT
        )
        found = json.loads(done.stdout)
        assert found["wrong"] == 0
        return float(found["answers"]) / SECONDS

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", "known", "asker")
        engine.cli("network", "rm", "names")


class Throughput(Work):
    """From a container through 127.0.0.1 on the host."""

    name = "bytes through a published port, more is better"
    unit = "MB/s"
    share = 0.4

    def prepare(self, engine: Contestant) -> None:
        source = f"dd if=/dev/zero bs=65536 count={self.scale.megabytes * 160}"
        server = ("nc", "-ll", "-p", "7", "-e", *source.split())
        engine.cli("run", "-d", "--name", "giver", "-p", f"{PORT}:7", "busybox", *server)

    def sample(self, engine: Contestant) -> float:
        command = (sys.executable, "-SE", "-c", READER, str(PORT))
        return float(engine.inside(*command, capture_output=True, timeout=LIMIT).stdout)

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", "giver")


NETWORKS: tuple[type[Work], ...] = (Connect, ConnectAmongMany, Names, Throughput)
