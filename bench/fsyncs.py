"""What durability costs: fsyncs counted in a run, and the start on a disk whose fsync is slow."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench.engines import Contestant
from bench.samples import Bound, Limit
from bench.works import Scale, Work

SOURCE = Path(__file__).with_name("slow_fsync.c")
DELAY_MS = 5
SYNCS = "fsync,fdatasync,sync_file_range,syncfs"
LAST_SYNCS = 0.5
"""Seconds for what is synced after the client has its answer."""


class Counted(Work):
    """strace's count over a few runs, divided by them."""

    name = "fsyncs of the daemon in a `docker run --rm`"
    unit = ""
    share = 0.2

    def traced(self, engine: Contestant) -> int:
        return engine.pid

    def sample(self, engine: Contestant) -> float:
        report = engine.root / "syncs"
        command = ["strace", "-f", "-qq", "-e", f"trace={SYNCS}", "-o", str(report)]
        tracer = subprocess.Popen(
            [*command, "-p", str(self.traced(engine))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_for_tracer(engine)
            for _ in range(self.scale.traced):
                engine.cli("run", "--rm", "busybox", "true")
            time.sleep(LAST_SYNCS)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
        calls = re.findall(rf"^\d+ +(?:{SYNCS.replace(',', '|')})\(", report.read_text(), re.M)
        return len(calls) / self.scale.traced

    def _wait_for_tracer(self, engine: Contestant) -> None:
        status = Path(f"/proc/{self.traced(engine)}/status")
        while "TracerPid:\t0" in status.read_text():
            time.sleep(0.01)
        time.sleep(0.1)  # its threads are attached one after another


class CountedBelow(Counted):
    name = "fsyncs of its containerd in the same"

    def traced(self, engine: Contestant) -> int:
        return engine.containerd_pid()


class Start(Work):
    """The start alone, of a container made before; compared with a daemon whose fsyncs are slow."""

    name = f"`POST /containers/{{id}}/start`, each fsync {DELAY_MS} ms slower (against as it is)"
    limit = Limit(15, Bound.DIFFERENCE)

    def sample(self, engine: Contestant) -> float:
        body = {"Image": "busybox", "Cmd": ["true"]}
        engine.json("POST", "/containers/create?name=starter", body)
        time.sleep(self.scale.settle / 10)  # what is prepared ahead
        before = time.perf_counter()
        engine.json("POST", "/containers/starter/start")
        taken = (time.perf_counter() - before) * 1000
        engine.json("POST", "/containers/starter/wait")
        engine.json("DELETE", "/containers/starter")
        return taken


class RunOnSlowDisk(Work):
    name = f"`docker run --rm busybox true`, each fsync {DELAY_MS} ms slower (against as it is)"

    def sample(self, engine: Contestant) -> float:
        return engine.cli("run", "--rm", "busybox", "true")


COUNTS: tuple[type[Work], ...] = (Counted, CountedBelow)
SLOWED: tuple[type[Work], ...] = (Start, RunOnSlowDisk)


def missing_tool(name: str) -> str:
    """Why something cannot be measured; "" when it can."""
    return "" if shutil.which(name) else f"not measured: there is no {name}"


def slow_daemon(scratch: Path) -> Contestant:
    """A daemon whose fsyncs take longer, not yet started."""
    library = scratch / "slow_fsync.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return Contestant(
        environment={"LD_PRELOAD": str(library), "SLOW_FSYNC_US": str(DELAY_MS * 1000)}
    )


__all__ = ["COUNTS", "SLOWED", "Scale", "missing_tool", "slow_daemon"]
