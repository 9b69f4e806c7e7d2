"""How long the networks room takes: an endpoint, a port, a network, a connection among 200 endpoints.

Run as root: `unshare --net --mount python -m bench.network_micro [ROUNDS]`. It works in the
network namespace that it is started in.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from ipaddress import IPv4Interface
from pathlib import Path

import trio

from engine.adapters.netlink.adapter import Netlink
from engine.adapters.nft.firewall import NftFirewall
from engine.domain.networks.facade import (
    EndpointPlan,
    EndpointWish,
    Networks,
    NetworkSettings,
    parse_ports,
)
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest
from tests.fakes.networks import FakeDrivers, FakeIpams, FakeResolver, FakeStore

ENDPOINTS = 200


async def timed(times: list[float], work: Awaitable[object]) -> None:
    before = time.perf_counter()
    await work
    times.append((time.perf_counter() - before) * 1000)


async def measure(rounds: int, root: Path) -> dict[str, list[float]]:
    settings = NetworkSettings(engine_id="bench", bip=IPv4Interface("172.31.0.1/16"))
    networks = Networks(
        settings,
        links=Netlink(root),
        firewall=NftFirewall("bench"),
        store=FakeStore(),
        resolver=FakeResolver(),
        drivers=FakeDrivers(),
        ipams=FakeIpams(),
    )
    service = networks.service()
    found: dict[str, list[float]] = defaultdict(list)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        await networks.restore([])
        await _endpoints(networks, rounds, found)
        await _networks(networks, rounds, found)
        await _connections(networks, rounds, found)
        await service.stop()
    return found


async def _endpoints(networks: Networks, rounds: int, found: dict[str, list[float]]) -> None:
    ports = parse_ports(["80"], {}, publish_all=True)
    for number in range(rounds):
        name = f"c{number}"
        plan = EndpointPlan(container_name=name)
        await timed(found["prepare"], networks.prepare(name, plan))
        await timed(found["publish"], networks.publish(name, ports))
        await timed(found["unpublish"], networks.unpublish(name))
        await timed(found["release"], networks.release(name))


async def _networks(networks: Networks, rounds: int, found: dict[str, list[float]]) -> None:
    for number in range(rounds):
        ipam = IPAM(config=[IPAMConfig(subnet=f"10.{number >> 8}.{number & 255}.0/24")])
        request = NetworkCreateRequest(name=f"n{number}", ipam=ipam)
        await timed(found["create"], networks.create(request))
    for number in range(rounds):
        await timed(found["remove"], networks.remove(f"n{number}"))


async def _connections(networks: Networks, rounds: int, found: dict[str, list[float]]) -> None:
    await networks.create(NetworkCreateRequest(name="crowd"))
    for number in range(ENDPOINTS):
        await networks.prepare(f"e{number}", EndpointPlan(container_name="e", mode="crowd"))
    await networks.prepare("c", EndpointPlan(container_name="c"))
    for _ in range(rounds):
        await timed(found["connect"], networks.connect("c", "crowd", EndpointWish()))
        leaving = networks.disconnect("c", networks.find("crowd").id)
        await timed(found["disconnect"], leaving)
    for name in ("c", *(f"e{number}" for number in range(ENDPOINTS))):
        await networks.release(name)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="trimaran-bench-") as root:
        found = trio.run(measure, rounds, Path(root))
    for step, times in found.items():
        middle = statistics.median(times)
        print(f"{step:10} {middle:7.2f} ms  ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
