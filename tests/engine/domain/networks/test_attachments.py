from __future__ import annotations

from trio.testing import MockClock

from engine.domain.networks.facade import EndpointPlan, EndpointWish, SavedEndpoint, parse_ports
from engine.models.networks import NetworkCreateRequest, PortBinding
from tests.engine.domain.networks.rooms import Room, plan, running, serving


async def test_name_is_found_from_the_start_to_the_end(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(NetworkCreateRequest(name="front"))
        await networks.prepare("c1", plan("web", "front"))
        # It can ask already, being about to run, but nobody finds it.
        assert room.resolver.scopes["c1"].presences[0].names == []
        await networks.begin("c1")
        assert room.resolver.scopes["c1"].presences[0].names == ["web", "c1"]
        await networks.rename("c1", "www")
        assert room.resolver.scopes["c1"].presences[0].names == ["www", "c1"]
        await networks.release("c1")
        assert room.resolver.scopes == {}


async def test_last_network_with_names_takes_them_along(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        record = await networks.create(NetworkCreateRequest(name="front"))
        await networks.prepare("c1", plan("web"))
        await networks.begin("c1")
        await networks.connect("c1", "front", EndpointWish())
        assert list(room.resolver.scopes) == ["c1"]
        await networks.disconnect("c1", record.id)
        assert room.resolver.scopes == {}


async def test_default_bridge_needs_no_resolver(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("c1", plan("web"))
        await networks.begin("c1")
        assert room.resolver.scopes == {}


async def test_published_ports_follow_the_default_route(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        for name in ("zeta", "alpha"):
            await networks.create(NetworkCreateRequest(name=name))
        await networks.prepare("c1", plan("web", "zeta"))
        bindings = {"80/tcp": [PortBinding(host_ip="", host_port="8080")]}
        await networks.publish("c1", parse_ports((), bindings))

        def targets() -> list[str]:
            assert room.firewall.loaded is not None
            return [str(each.container_ip) for each in room.firewall.loaded.forwards]

        assert targets() == ["172.18.0.2"]
        sandbox = await networks.connect("c1", "alpha", EndpointWish())
        assert targets() == ["172.19.0.2"]
        await networks.disconnect("c1", sandbox.endpoints[1].network_id)
        assert targets() == ["172.18.0.2"]
        assert [port.host_port for port in networks.published("c1")] == [8080, 8080]


async def test_next_daemon_tells_the_resolver_who_lives(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(NetworkCreateRequest(name="front"))
        wishes = {"front": EndpointWish(aliases=["db"])}
        asked = EndpointPlan(
            container_name="web", mode="front", wishes=wishes, hostname="h", dns=["9.9.9.9"]
        )
        sandbox = await networks.prepare("c1", asked)
        await networks.begin("c1")
    before, room.resolver.scopes = room.resolver.scopes, {}
    again = room.daemon()
    async with serving(again):
        saved = SavedEndpoint(container_id="c1", container_name="web", sandbox=sandbox)
        await again.restore([saved])
    assert room.resolver.scopes == before
    (scope,) = before.values()
    assert scope.presences[0].names == ["web", "db", "c1", "h"]
    assert scope.servers == ["9.9.9.9"]


async def test_internal_network_asks_nobody_outside(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(NetworkCreateRequest(name="inner", internal=True))
        await networks.prepare("c1", plan("web", "inner"))
        assert not room.resolver.scopes["c1"].forwards
