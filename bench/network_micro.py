"""How long the networks room takes to prepare an endpoint and to publish a port.

Run as root: `unshare --net --mount python -m bench.network_micro [ROUNDS]`. It works in the
network namespace that it is started in.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from ipaddress import IPv4Interface
from pathlib import Path

import trio

from engine.adapters.netlink.adapter import Netlink
from engine.adapters.nft.firewall import NftFirewall
from engine.domain.networks.facade import (
    EndpointPlan,
    NetworkRecord,
    Networks,
    NetworkSettings,
    parse_ports,
)


class Memory:
    def __init__(self) -> None:
        self.records: list[NetworkRecord] = []

    async def load(self) -> list[NetworkRecord]:
        return self.records

    async def save(self, record: NetworkRecord) -> None:
        self.records.append(record)


async def timed(times: list[float], work: Awaitable[object]) -> None:
    before = time.perf_counter()
    await work
    times.append((time.perf_counter() - before) * 1000)


async def measure(rounds: int, root: Path) -> dict[str, list[float]]:
    settings = NetworkSettings(engine_id="bench", bip=IPv4Interface("172.31.0.1/16"))
    networks = Networks(
        settings, links=Netlink(root), firewall=NftFirewall("bench"), store=Memory()
    )
    service = networks.service()
    ports = parse_ports(["80"], {}, publish_all=True)
    steps = ("prepare", "publish", "unpublish", "release")
    found: dict[str, list[float]] = {step: [] for step in steps}
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        await networks.restore([])
        for number in range(rounds):
            name = f"c{number}"
            plan = EndpointPlan(container_name=name)
            await timed(found["prepare"], networks.prepare(name, plan))
            await timed(found["publish"], networks.publish(name, ports))
            await timed(found["unpublish"], networks.unpublish(name))
            await timed(found["release"], networks.release(name))
        await service.stop()
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="trimaran-bench-") as root:
        found = trio.run(measure, rounds, Path(root))
    for step, times in found.items():
        middle = statistics.median(times)
        print(f"{step:10} {middle:7.2f} ms  ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
