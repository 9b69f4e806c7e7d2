from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.networks.facade import (
    EndpointPlan,
    EndpointWish,
    Networks,
    NetworkSettings,
    Sandbox,
)
from engine.domain.networks.ports import VethPlan
from engine.errors import Conflict, Forbidden, InvalidParameter, NotFound, SystemFailure
from engine.models.networks import NetworkCreateRequest
from tests.engine.domain.networks.rooms import Room, plan, running


async def test_default_mode_is_an_endpoint_on_the_bridge(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        sandbox = await networks.prepare("c" * 64, plan("web"))
    (endpoint,) = sandbox.endpoints
    assert (endpoint.ip, endpoint.prefix, endpoint.gateway, endpoint.network_name) == (
        "172.17.0.2", 16, "172.17.0.1", "bridge",
    )  # fmt: skip
    assert endpoint.mac == "02:42:ac:11:00:02"
    assert sandbox.key == sandbox.netns_path == f"/netns/{sandbox.id[:12]}"
    (veth,) = room.links.spaces[sandbox.key]
    assert (veth.bridge, veth.mtu, veth.alias) == ("trimaran0", 1460, f"trimaran:e1:{'c' * 12}")


async def test_many_at_once_get_an_address_each(autojump_clock: MockClock) -> None:
    room = Room()
    made: list[Sandbox] = []

    async with running(room) as networks:

        async def make(number: int) -> None:
            made.append(await networks.prepare(f"c{number}", plan(f"n{number}")))

        before = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(make, number)
        # Side by side: the time of one.
        assert trio.current_time() - before < 0.01
    assert len({sandbox.endpoints[0].ip for sandbox in made}) == 20


async def test_failed_namespace_gives_the_address_back(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        room.links.failure = SystemFailure("no room for a namespace")
        with pytest.raises(SystemFailure, match="no room"):
            await networks.prepare("a", plan("a"))
        room.links.failure = None
        assert (await networks.prepare("a", plan("a"))).endpoints[0].ip == "172.17.0.2"


async def test_asker_that_leaves_does_not_stop_the_work(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        with trio.move_on_after(0.001):
            await networks.prepare("a", plan("a"))
        await trio.sleep(1)
        assert len(room.links.spaces) == 1
        await networks.release("a")
        assert room.links.spaces == {}


async def test_modes_without_an_address(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        none = await networks.prepare("a", plan("a", "none"))
        host = await networks.prepare("b", plan("b", "host"))
        assert room.links.spaces == {none.key: []}
        assert (host.netns_path, host.key) == (None, "/netns/default")
        assert [s.endpoints[0].network_name for s in (none, host)] == ["none", "host"]
        for name in "ab":
            await networks.release(name)
        assert room.links.spaces == {}


async def test_joined_namespace_outlives_its_guest(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        owner = await networks.prepare("a", plan("a"))
        guest = await networks.prepare("b", plan("b", "container:a"))
        assert (guest.netns_path, guest.id, guest.endpoints) == (owner.netns_path, "", [])
        await networks.release("b")
        assert owner.key in room.links.spaces
        with pytest.raises(Conflict, match="cannot join network of a non running container: z"):
            await networks.prepare("c", plan("c", "container:z"))


async def test_unknown_network_is_not_found(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        with pytest.raises(NotFound, match="network nope not found"):
            await networks.prepare("a", plan("a", "nope"))


async def test_second_preparation_is_refused(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        await networks.prepare("a", plan("a"))
        with pytest.raises(Conflict):
            await networks.prepare("a", plan("a"))


async def test_chosen_mac_is_kept_and_icc_false_isolates(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", icc=False))
    async with running(room) as networks:
        wish = EndpointPlan(container_name="a", mac="02:AA:00:00:00:01")
        sandbox = await networks.prepare("a", wish)
    (veth,) = room.links.spaces[sandbox.key]
    assert (veth.mac, veth.isolated) == ("02:aa:00:00:00:01", True)


async def test_without_a_bridge_default_means_none(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", bridge="none"))
    async with running(room) as networks:
        sandbox = await networks.prepare("a", plan("a"))
        assert sandbox.endpoints[0].network_name == "none"
        assert [n["Name"] for n in networks.list()] == ["none", "host"]


async def test_several_networks_are_interfaces_in_order_and_one_default_route(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha", "inner")
        sandbox = await networks.prepare("c", wishing("zeta", "alpha", "inner"))
        names = [(e.interface, e.network_name, e.ip) for e in sandbox.endpoints]
        assert names == [
            ("eth0", "zeta", "172.18.0.2"),
            ("eth1", "alpha", "172.19.0.2"),
            ("eth2", "inner", "172.20.0.2"),
        ]
        veths = room.links.spaces[sandbox.key]
        # By name, as dockerd chooses; an internal network never leads out.
        assert [str(veth.gateway or "") for veth in veths] == ["", "172.19.0.1", ""]


async def test_priority_decides_on_the_default_route(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha")
        wishes = {"alpha": EndpointWish(), "zeta": EndpointWish(priority=1)}
        sandbox = await networks.prepare("c", EndpointPlan(container_name="c", wishes=wishes))
        veths = room.links.spaces[sandbox.key]
        assert [str(veth.gateway or "") for veth in veths] == ["", "172.18.0.1"]


async def test_wishes_that_cannot_be_met_take_no_address(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha")
        wishes = {"zeta": EndpointWish(), "alpha": EndpointWish(ip="10.99.0.1")}
        with pytest.raises(InvalidParameter, match="does not belong to any of this network's"):
            await networks.prepare("c", EndpointPlan(container_name="c", wishes=wishes))
        sandbox = await networks.prepare("c", wishing("zeta"))
        assert sandbox.endpoints[0].ip == "172.18.0.2"


@pytest.mark.parametrize(
    ("names", "text"),
    [(("front", "host"), "sharing network namespace"), (("none", "front"), "private .none. mode")],
)
async def test_host_and_none_stand_alone(
    names: tuple[str, str], text: str, autojump_clock: MockClock
) -> None:
    async with running(Room()) as networks:
        await made(networks, "front")
        with pytest.raises(InvalidParameter, match=text):
            await networks.prepare("c", wishing(*names))


async def test_default_bridge_gives_no_address_or_alias_on_request(
    autojump_clock: MockClock,
) -> None:
    async with running(Room()) as networks:
        for wish, text in (
            (EndpointWish(ip="172.17.0.9"), "user specified IP address is supported on user"),
            (EndpointWish(aliases=["a"]), "network-scoped alias is supported only for"),
        ):
            plan_ = EndpointPlan(container_name="c", wishes={"bridge": wish})
            with pytest.raises(InvalidParameter, match=text):
                await networks.prepare("c", plan_)


async def test_connected_network_brings_interface_route_and_name(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha")
        first = await networks.prepare("c", wishing("zeta"))
        await networks.begin("c")
        wish = EndpointWish(ip="172.19.0.9", aliases=["db"])
        sandbox = await networks.connect("c", "alpha", wish)
        assert [e.interface for e in sandbox.endpoints] == ["eth0", "eth1"]
        assert sandbox.endpoints[1].ip == "172.19.0.9"
        assert room.links.gateways[first.key] == ("eth1", "172.19.0.1", "")
        presences = room.resolver.scopes["c"].presences
        assert [p.network_name for p in presences] == ["alpha", "zeta"]
        assert presences[0].names == ["c", "db"]
        with pytest.raises(Forbidden, match="endpoint with name c already exists in network alpha"):
            await networks.connect("c", "alpha", wish)


async def test_disconnected_network_gives_address_and_route_back(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha")
        sandbox = await networks.prepare("c", wishing("zeta", "alpha"))
        alpha = sandbox.endpoints[1]
        left = await networks.disconnect("c", alpha.network_id)
        assert [veth.name for veth in room.links.spaces[sandbox.key]] == ["eth0"]
        assert [e.network_name for e in left.endpoints] == ["zeta"]
        assert room.links.gateways[sandbox.key] == ("eth0", "172.18.0.1", "")
        again = await networks.connect("c", "alpha", EndpointWish())
        assert (again.endpoints[1].ip, again.endpoints[1].interface) == (alpha.ip, "eth1")
        with pytest.raises(NotFound, match="is not connected"):
            await networks.disconnect("c", "f" * 64)


async def test_failed_connection_changes_nothing(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await made(networks, "zeta", "alpha")
        await networks.prepare("c", wishing("zeta"))
        room.links.failure = SystemFailure("no")
        with pytest.raises(SystemFailure):
            await networks.connect("c", "alpha", EndpointWish())
        room.links.failure = None
        sandbox = await networks.connect("c", "alpha", EndpointWish())
        assert [e.ip for e in sandbox.endpoints] == ["172.18.0.2", "172.19.0.2"]


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("host", "connected to host network"),
        ("none", "private .none. mode"),
        ("container:c", "sharing"),
    ],
)
async def test_who_has_no_network_of_its_own_is_not_connected(
    mode: str, text: str, autojump_clock: MockClock
) -> None:
    async with running(Room()) as networks:
        await made(networks, "front")
        await networks.prepare("c", plan("c"))
        await networks.prepare("d", plan("d", mode))
        with pytest.raises(InvalidParameter, match=text):
            await networks.connect("d", "front", EndpointWish())


async def test_namespace_that_others_live_on_in_loses_the_address(
    autojump_clock: MockClock,
) -> None:
    """Or the book would give it to somebody else while it is on the wire."""
    room = Room()
    detached: list[str] = []
    async with running(room) as networks:
        owner = await networks.prepare("c", plan("c"))
        await networks.prepare("d", plan("d", "container:c"))
        real = room.links.detach

        async def detach(path: str, veth: VethPlan) -> None:
            detached.append(veth.host_name)
            await real(path, veth)

        room.links.detach = detach  # type: ignore[method-assign]
        await networks.release("c")
        assert detached == [owner.endpoints[0].host_interface]
        alone = await networks.prepare("e", plan("e"))
        assert alone.endpoints[0].ip == owner.endpoints[0].ip
        await networks.release("e")
        assert len(detached) == 1  # nobody shares: the veth goes with its namespace


def wishing(*names: str) -> EndpointPlan:
    wishes = {name: EndpointWish() for name in names}
    return EndpointPlan(container_name="c", mode=names[0], wishes=wishes)


async def made(networks: Networks, *names: str) -> None:
    for name in names:
        await networks.create(NetworkCreateRequest(name=name, internal=name == "inner"))
