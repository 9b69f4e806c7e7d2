"""macvlan networks on a real parent: neighbours of the host's neighbours, in one subnet or several.

ipvlan, VLANs and dummies are held to their messages (tests/engine/adapters/netlink), for kernels without them.
"""

from __future__ import annotations

import pytest

from engine.domain.networks.facade import EndpointPlan, EndpointWish
from engine.errors import SystemFailure
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest
from tests.integration.network_lab import NEIGHBOUR, in_lab, lab, run
from tests.integration.test_user_networks import room, start

pytestmark = pytest.mark.integration


@in_lab
async def test_macvlan_is_a_neighbour_of_the_hosts_neighbours() -> None:
    async with lab() as here, room(here) as networks:
        await networks.create(
            NetworkCreateRequest(
                name="lan",
                driver="macvlan",
                options={"parent": "up0"},
                ipam=IPAM(config=[IPAMConfig(subnet="192.0.2.0/24", ip_range="192.0.2.128/25")]),
            )
        )
        one = await start(here, networks, "one", "lan")
        assert one.ip() == "192.0.2.128"
        assert await here.ask(here.neighbour, "tcp", one.ip(), 80) == f"seen {NEIGHBOUR}"
        await networks.release("one")
        await networks.remove("lan")
        assert "up0" in run("ip", "-o", "link")
        with pytest.raises(SystemFailure, match="invalid subinterface vlan name nope0"):
            await networks.create(
                NetworkCreateRequest(name="x", driver="macvlan", options={"parent": "nope0"})
            )


@in_lab
async def test_macvlan_gives_from_its_next_subnet_where_the_first_is_full() -> None:
    async with lab() as here, room(here) as networks:
        config = [
            IPAMConfig(subnet="192.0.2.0/24", ip_range="192.0.2.128/31", gateway="192.0.2.1"),
            IPAMConfig(
                subnet="198.51.100.0/25",
                gateway="198.51.100.1",
                auxiliary_addresses={"router": "198.51.100.2"},
            ),
        ]
        request = NetworkCreateRequest(
            name="lan", driver="macvlan", options={"parent": "up0"}, ipam=IPAM(config=config)
        )
        await networks.create(request)
        shown = networks.list({"name": ["lan"]})[0]["IPAM"]["Config"]
        assert [each["Subnet"] for each in shown] == ["192.0.2.0/24", "198.51.100.0/25"]
        assert shown[1]["AuxiliaryAddresses"] == {"router": "198.51.100.2"}
        made = [await start(here, networks, f"c{number}", "lan") for number in range(3)]
        assert [each.ip() for each in made] == ["192.0.2.128", "192.0.2.129", "198.51.100.3"]
        assert "default via 198.51.100.1" in run("nsenter", f"--net={made[2].path}", "ip", "route")
        assert await here.ask(here.neighbour, "tcp", "192.0.2.129", 80) == f"seen {NEIGHBOUR}"
        command = "ip addr add 198.51.100.9/25 dev up1"
        run("nsenter", f"--net={here.neighbour}", *command.split())
        assert await here.ask(here.neighbour, "tcp", "198.51.100.3", 80) == "seen 198.51.100.9"
        # A chosen address is of the subnet that it is in.
        wish = EndpointWish(ip="198.51.100.77")
        plan = EndpointPlan(container_name="own", mode="lan", wishes={"lan": wish})
        (endpoint,) = (await networks.prepare("own", plan)).endpoints
        assert (endpoint.ip, endpoint.prefix, endpoint.gateway) == (
            "198.51.100.77",
            25,
            "198.51.100.1",
        )
