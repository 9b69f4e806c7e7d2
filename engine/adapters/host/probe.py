"""What the kernel and `ps` say of the machine's processes: for top and stats."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from engine.adapters.host import devices
from engine.errors import InvalidParameter, SystemFailure
from engine.models.devices import DeviceNode

DEADLINE = 10.0
TICKS = os.sysconf("SC_CLK_TCK")
NET_FIELDS = (
    (0, "rx_bytes"),
    (1, "rx_packets"),
    (2, "rx_errors"),
    (3, "rx_dropped"),
    (8, "tx_bytes"),
    (9, "tx_packets"),
    (10, "tx_errors"),
    (11, "tx_dropped"),
)


class HostProbe:
    async def ps(self, arguments: Sequence[str]) -> str:
        """The output of `ps`; InvalidParameter with the first line of what it complains of."""
        try:
            with trio.fail_after(DEADLINE):
                done = await trio.run_process(
                    ["ps", *arguments], capture_stdout=True, capture_stderr=True, check=False
                )
        except OSError as error:
            raise SystemFailure(f"ps: {error.strerror}") from error
        except trio.TooSlowError as error:
            raise SystemFailure(f"ps: no answer within {DEADLINE:g} s") from error
        if done.returncode != 0:
            raise InvalidParameter(_complaint(done))
        return done.stdout.decode(errors="replace")

    async def criu(self) -> str:
        """Why checkpoints cannot be made here; "" where `criu check` is content."""
        try:
            with trio.fail_after(DEADLINE):
                done = await trio.run_process(
                    ["criu", "check"], capture_stdout=True, capture_stderr=True, check=False
                )
        except FileNotFoundError:
            return "it is not installed"
        except (OSError, trio.TooSlowError) as error:
            return f"it cannot be run: {error}"
        if done.returncode == 0:
            return ""
        lines = (done.stderr or done.stdout).decode(errors="replace").split("\n")
        return f"this machine does not let it work: {lines[0]}"

    def cpu(self) -> tuple[int, int]:
        """Nanoseconds of all CPUs together since boot, and how many of them are online."""
        return parse_cpu(Path("/proc/stat").read_text())

    async def devices(self, path: str = "") -> list[DeviceNode]:
        """The node at a path, or those below it; without a path the whole machine's. OSError."""
        look = partial(devices.found_at, path) if path else devices.all_of_host
        with trio.fail_after(DEADLINE):
            return await trio.to_thread.run_sync(look, abandon_on_cancel=True)

    async def block_device(self, path: str) -> tuple[int, int]:
        """Major and minor number; SystemFailure when nothing is there."""
        try:
            return devices.block_numbers(path)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise SystemFailure(f"stat {path}: {reason}") from error

    def network(self, pid: int) -> dict[str, dict[str, int]]:
        """The interfaces' counters in the process's network namespace; empty when it has ended."""
        try:
            return parse_net_dev(Path(f"/proc/{pid}/net/dev").read_text())
        except OSError:
            return {}


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode(errors="replace").split("\n") if line]
    return f"ps: {lines[0] if lines else f'exit status {done.returncode}'}"


def parse_cpu(stat: str) -> tuple[int, int]:
    """user, nice, system, idle, iowait, irq and softirq, as dockerd adds them up."""
    lines = [line.split() for line in stat.splitlines() if line.startswith("cpu")]
    total = sum(int(each) for each in lines[0][1:8])
    return total * 1_000_000_000 // TICKS, len(lines) - 1


def parse_net_dev(text: str) -> dict[str, dict[str, int]]:
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        numbers = rest.split()
        if name.strip() != "lo":
            found[name.strip()] = {key: int(numbers[at]) for at, key in NET_FIELDS}
    return found
