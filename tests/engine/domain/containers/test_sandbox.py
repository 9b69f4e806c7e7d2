from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.domain.containers.oci.plan import HOST
from engine.domain.containers.records import Container, NetworkState, State, Status
from engine.domain.containers.sandbox import Sandboxes, saved_endpoint
from engine.domain.networks.facade import PublishedPort
from engine.errors import NotFound
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.networks import (
    EndpointIPAMConfig,
    EndpointSettings,
    NetworkCreateRequest,
    PortBinding,
)
from tests.engine.domain.containers.containers import container
from tests.engine.domain.networks.rooms import Room, running

PORTS = {"80/tcp": [PortBinding(host_port="8080")]}


def web(mode: str = "bridge", **host: object) -> Container:
    return container(
        host=HostConfig(network_mode=mode, **host),  # type: ignore[arg-type]
        endpoints={mode: EndpointSettings()},
    )


@asynccontextmanager
async def sandboxes() -> AsyncIterator[tuple[Room, Sandboxes]]:
    room = Room()
    async with running(room) as networks:
        yield room, Sandboxes(networks)


async def test_place_is_a_namespace_with_the_gateway_that_names_the_host() -> None:
    async with sandboxes() as (room, asked):
        place = await asked.prepare(web())
        assert place.namespace in room.links.spaces
        assert place.host_gateway == "172.17.0.1"
        assert asked.driver(place.sandbox.endpoints[0]) == "bridge"


async def test_hosts_network_is_no_namespace() -> None:
    async with sandboxes() as (room, asked):
        assert (await asked.prepare(web("host"))).namespace == HOST
        assert room.links.spaces == {}


async def test_what_the_request_wishes_is_asked_for() -> None:
    async with sandboxes() as (_, asked):
        wish = EndpointSettings(mac_address="02:42:ac:11:00:09")
        record = container(host=HostConfig(network_mode="bridge"), endpoints={"bridge": wish})
        (endpoint,) = (await asked.prepare(record)).sandbox.endpoints
        assert endpoint.mac == "02:42:ac:11:00:09"


async def test_interrupted_preparation_is_begun_anew() -> None:
    async with sandboxes() as (room, asked):
        await asked.prepare(web())
        place = await asked.prepare(web())
        assert list(room.links.spaces) == [place.namespace]


async def test_ports_are_published_and_given_back() -> None:
    async with sandboxes() as (room, asked):
        record = web(port_bindings=PORTS)
        await asked.prepare(record)
        published = await asked.publish(record)
        assert {each.host_port for each in published} == {8080}
        await asked.unpublish(record)
        await asked.unpublish(record)
        assert room.host.bound == set()


async def test_all_exposed_ports_are_published_on_request() -> None:
    async with sandboxes() as (_, asked):
        record = container(
            host=HostConfig(network_mode="bridge", publish_all_ports=True),
            config=ContainerConfig(exposed_ports={"80/tcp": {}, "53/udp": {}}),
            endpoints={"bridge": EndpointSettings()},
        )
        await asked.prepare(record)
        published = await asked.publish(record)
        assert {(each.container_port, each.proto) for each in published} == {
            (80, "tcp"),
            (53, "udp"),
        }


@pytest.mark.parametrize("record", [web(), web("host", port_bindings=PORTS)])
async def test_without_ports_or_in_the_hosts_network_nothing_is_published(
    record: Container,
) -> None:
    async with sandboxes() as (room, asked):
        await asked.prepare(record)
        assert await asked.publish(record) == []
        assert room.host.bound == set()


async def test_unknown_network_is_not_found_and_release_may_be_repeated() -> None:
    async with sandboxes() as (room, asked):
        with pytest.raises(NotFound, match="nosuch"):
            await asked.prepare(web("nosuch"))
        record = web()
        await asked.prepare(record)
        for _ in range(2):
            await asked.release(record)
        assert room.links.spaces == {}


async def test_only_what_runs_is_handed_over_after_a_restart() -> None:
    async with sandboxes() as (_, asked):
        place = await asked.prepare(web())
    ports = [PublishedPort(container_port=80, proto="tcp", host_ip="0.0.0.0", host_port=8080)]
    network = NetworkState(place.sandbox, ports)
    saved = saved_endpoint(container(network=network))
    assert saved is not None
    assert (saved.sandbox, saved.ports, saved.container_name) == (place.sandbox, ports, "name")
    assert saved_endpoint(container(network=network, state=State(status=Status.EXITED))) is None
    assert saved_endpoint(container()) is None


async def test_address_that_is_wished_for_is_told_to_the_network() -> None:
    async with sandboxes() as (room, asked):
        await room.networks.create(NetworkCreateRequest(name="front"))
        wish = EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address="172.18.0.77"))
        record = container(host=HostConfig(network_mode="front"), endpoints={"front": wish})
        place = await asked.prepare(record)
        assert [each.ip for each in place.sandbox.endpoints] == ["172.18.0.77"]
        assert place.resolver


async def test_exposed_and_published_ports_are_told_as_services() -> None:
    async with sandboxes() as (_, asked):
        exposing = ContainerConfig(exposed_ports={"53/udp": {}, "8000-8001": {}})
        place = await asked.prepare(
            container(host=HostConfig(network_mode="bridge", port_bindings=PORTS), config=exposing)
        )
        assert place.sandbox.exposed == ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]


async def test_plugins_network_is_known_as_such_and_hears_of_no_ports_either() -> None:
    async with sandboxes() as (room, asked):
        assert not asked.plugged(web())
        assert not asked.plugged(web("nowhere"))
        await room.networks.create(NetworkCreateRequest(name="woven", driver="plug"))
        record = web("woven")
        assert asked.plugged(record)
        assert asked.plugged(container(endpoints={"woven": EndpointSettings()}))
        await asked.prepare(record)
        assert await asked.publish(record) == []
        assert room.drivers.calls[-1] == ("program",)
