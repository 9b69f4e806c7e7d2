from __future__ import annotations

import pytest
from trio.testing import MockClock

from engine.adapters.pluginhttp.ipam import PluginIpam
from engine.domain.networks.drivers import IpamNeeds, Pool, PoolWish
from engine.domain.plugins.facade import Plugins
from engine.domain.plugins.ports import Answer
from engine.errors import SystemFailure
from tests.engine.domain.plugins.fakes import FakePlugins

WISH = PoolWish(space="here", subnet="10.5.0.0/24", options={"a": "b"})


def make(**answers: object) -> tuple[FakePlugins, PluginIpam]:
    host = FakePlugins()
    calls = {f"IpamDriver__{name}": answer for name, answer in answers.items()}
    host.add("far", "IpamDriver", **calls)
    return host, PluginIpam(Plugins(host, host))


async def test_space_is_of_the_networks_scope(autojump_clock: MockClock) -> None:
    spaces = {"LocalDefaultAddressSpace": "here", "GlobalDefaultAddressSpace": "there"}
    _, ipams = make(GetDefaultAddressSpaces=spaces)
    assert await ipams.space("far", "local") == "here"
    assert await ipams.space("far", "global") == "there"


@pytest.mark.parametrize(
    ("answer", "needs"),
    [
        ({"RequiresMACAddress": True, "RequiresRequestReplay": True}, IpamNeeds(True, True)),
        ({}, IpamNeeds()),
        (Answer(404, b"not found"), IpamNeeds()),
    ],
)
async def test_needs(autojump_clock: MockClock, answer: object, needs: IpamNeeds) -> None:
    _, ipams = make(GetCapabilities=answer)
    assert await ipams.needs("far") == needs


async def test_pool_is_asked_for_and_given_back(autojump_clock: MockClock) -> None:
    data = {"com.docker.network.gateway": "10.5.0.254/24"}
    host, ipams = make(
        RequestPool={"PoolID": "p1", "Pool": "10.5.0.0/24", "Data": data}, ReleasePool={}
    )
    pool = await ipams.request_pool("far", WISH)
    assert pool == Pool(id="p1", subnet="10.5.0.0/24", gateway="10.5.0.254")
    assert host.bodies["far /IpamDriver.RequestPool"] == {
        "AddressSpace": "here",
        "Pool": "10.5.0.0/24",
        "SubPool": "",
        "Options": {"a": "b"},
        "V6": False,
    }
    await ipams.release_pool("far", "p1")
    assert host.bodies["far /IpamDriver.ReleasePool"] == {"PoolID": "p1"}


@pytest.mark.parametrize(
    "answer",
    [
        {"Pool": "10.5.0.0/24"},
        {"PoolID": "p1"},
        {"PoolID": "p1", "Pool": "x", "Data": {"com.docker.network.gateway": "x"}},
    ],
)
async def test_pool_that_is_none_is_refused(autojump_clock: MockClock, answer: object) -> None:
    _, ipams = make(RequestPool=answer)
    with pytest.raises(SystemFailure, match=r'plugin "far": IpamDriver.RequestPool'):
        await ipams.request_pool("far", WISH)


async def test_address_is_asked_for_and_given_back(autojump_clock: MockClock) -> None:
    host, ipams = make(RequestAddress={"Address": "10.5.0.2/24"}, ReleaseAddress={})
    assert await ipams.request_address("far", "p1", "", {"a": "b"}) == "10.5.0.2/24"
    await ipams.release_address("far", "p1", "10.5.0.2")
    assert host.bodies["far /IpamDriver.ReleaseAddress"] == {
        "PoolID": "p1",
        "Address": "10.5.0.2",
    }
