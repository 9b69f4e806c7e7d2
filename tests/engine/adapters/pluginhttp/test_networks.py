from __future__ import annotations

import pytest
from trio.testing import MockClock

from engine.adapters.pluginhttp.networks import PluginNetworks
from engine.domain.networks.bindings import ContainerPort, PortRequest
from engine.domain.networks.drivers import Interface, Joined
from engine.domain.networks.records import Endpoint, NetworkRecord
from engine.domain.plugins.facade import Plugins
from engine.domain.plugins.ports import Answer
from engine.errors import NotFound, SystemFailure
from tests.engine.domain.plugins.fakes import FakePlugins

NETWORK = NetworkRecord(
    id="n1",
    name="woven",
    driver="far",
    created="",
    subnet="10.5.0.0/24",
    gateway="10.5.0.1",
    auxiliary={"router": "10.5.0.9"},
    internal=True,
    options={"colour": "red"},
)
ENDPOINT = Endpoint(
    network_id="n1", network_name="woven", endpoint_id="e1", ip="10.5.0.2", prefix=24, driver="far"
)


def make(**answers: object) -> tuple[FakePlugins, PluginNetworks]:
    host = FakePlugins()
    calls = {f"NetworkDriver__{name}": answer for name, answer in answers.items()}
    host.add("far", "NetworkDriver", **calls)
    return host, PluginNetworks(Plugins(host, host))


async def test_network_is_told_with_its_pools_and_options(autojump_clock: MockClock) -> None:
    host, drivers = make(CreateNetwork={}, DeleteNetwork={})
    await drivers.create_network(NETWORK)
    await drivers.delete_network("far", "n1")
    assert host.bodies["far /NetworkDriver.CreateNetwork"] == {
        "NetworkID": "n1",
        "Options": {
            "com.docker.network.generic": {"colour": "red"},
            "com.docker.network.enable_ipv4": True,
            "com.docker.network.enable_ipv6": False,
            "com.docker.network.internal": True,
        },
        "IPv4Data": [
            {
                "AddressSpace": "LocalDefault",
                "Pool": "10.5.0.0/24",
                "Gateway": "10.5.0.1/24",
                "AuxAddresses": {"router": "10.5.0.9/24"},
            }
        ],
        "IPv6Data": [],
    }
    assert host.bodies["far /NetworkDriver.DeleteNetwork"] == {"NetworkID": "n1"}


@pytest.mark.parametrize(("said", "scope"), [("Local", "local"), ("global", "global")])
async def test_scope(autojump_clock: MockClock, said: str, scope: str) -> None:
    _, drivers = make(GetCapabilities={"Scope": said, "ConnectivityScope": "local"})
    assert await drivers.scope("far") == scope


async def test_scope_that_is_none_is_refused(autojump_clock: MockClock) -> None:
    _, drivers = make(GetCapabilities={"Scope": "\x1bwide"})
    with pytest.raises(SystemFailure, match=r'plugin "far": NetworkDriver.GetCapabilities'):
        await drivers.scope("far")


async def test_endpoint_is_made_joined_and_left(autojump_clock: MockClock) -> None:
    host, drivers = make(
        CreateEndpoint={"Interface": {"MacAddress": "02-AA-00-00-00-01"}},
        Join={
            "InterfaceName": {"SrcName": "x0", "DstPrefix": "plug"},
            "Gateway": "10.5.0.1",
            "StaticRoutes": [
                {"Destination": "10.7.0.0/16", "RouteType": 0, "NextHop": "10.5.0.3"},
                {"Destination": "10.8.0.1/32", "RouteType": 1},
            ],
        },
        Leave={},
        DeleteEndpoint={},
    )
    made = await drivers.create_endpoint(NETWORK, ENDPOINT, {"a": "b"})
    assert made == Interface(mac="02:aa:00:00:00:01")
    assert host.bodies["far /NetworkDriver.CreateEndpoint"] == {
        "NetworkID": "n1",
        "EndpointID": "e1",
        "Interface": {"Address": "10.5.0.2/24", "AddressIPv6": "", "MacAddress": ""},
        "Options": {"a": "b"},
    }
    joined = await drivers.join("far", ENDPOINT, "/netns/x", {})
    assert joined == Joined(
        source="x0",
        prefix="plug",
        gateway="10.5.0.1",
        routes=[("10.7.0.0/16", "10.5.0.3"), ("10.8.0.1/32", "")],
    )
    assert host.bodies["far /NetworkDriver.Join"]["SandboxKey"] == "/netns/x"
    await drivers.leave("far", "n1", "e1")
    await drivers.delete_endpoint("far", "n1", "e1")
    assert host.bodies["far /NetworkDriver.Leave"] == {"NetworkID": "n1", "EndpointID": "e1"}


@pytest.mark.parametrize(
    "answer",
    [
        {"InterfaceName": "x0"},
        {"Gateway": "nowhere"},
        {"StaticRoutes": [{"Destination": "10.7.0.0/16", "RouteType": 0}]},
        {"StaticRoutes": [{"Destination": "x", "RouteType": 1}]},
        {"StaticRoutes": ["x"]},
    ],
)
async def test_answer_to_join_that_makes_no_sense_is_refused(
    autojump_clock: MockClock, answer: object
) -> None:
    _, drivers = make(Join=answer)
    with pytest.raises(SystemFailure, match='plugin "far": NetworkDriver'):
        await drivers.join("far", ENDPOINT, "/netns/x", {})


@pytest.mark.parametrize("mac", ["02:aa", "zz:aa:00:00:00:01", 7])
async def test_mac_that_is_none_is_refused(autojump_clock: MockClock, mac: object) -> None:
    _, drivers = make(CreateEndpoint={"Interface": {"MacAddress": mac}})
    with pytest.raises(SystemFailure, match="MacAddress"):
        await drivers.create_endpoint(NETWORK, ENDPOINT, {})


async def test_information_may_be_missing(autojump_clock: MockClock) -> None:
    key = "com.docker.network.endpoint.macaddress"
    host, drivers = make(EndpointOperInfo={"Value": {key: "02:aa:00:00:00:01"}})
    assert await drivers.mac("far", ENDPOINT) == "02:aa:00:00:00:01"
    host.answers["far"]["/NetworkDriver.EndpointOperInfo"] = {"Err": "no such call"}
    assert await drivers.mac("far", ENDPOINT) == ""


async def test_ports_are_told_to_who_knows_the_call(autojump_clock: MockClock) -> None:
    host, drivers = make(
        ProgramExternalConnectivity={}, RevokeExternalConnectivity=Answer(404, b"not found")
    )
    wish = PortRequest(ContainerPort(80, "tcp"), "", 8080, 8080)
    await drivers.program("far", ENDPOINT, ["80/tcp"], [wish])
    options = host.bodies["far /NetworkDriver.ProgramExternalConnectivity"]["Options"]
    assert options == {
        "com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}],
        "com.docker.network.portmap": [
            {
                "Proto": 6,
                "IP": "10.5.0.2",
                "Port": 80,
                "HostIP": "",
                "HostPort": 8080,
                "HostPortEnd": 8080,
            }
        ],
    }
    await drivers.revoke("far", "n1", "e1")


async def test_plugin_of_another_kind_is_no_driver(autojump_clock: MockClock) -> None:
    host, drivers = make()
    host.add("log", "LogDriver")
    with pytest.raises(NotFound):
        await drivers.scope("log")
    assert drivers.active() == []
