from __future__ import annotations

from trio.testing import MockClock

from tests.engine.domain.networks.rooms import Room, plan, running


async def test_inspect_shows_the_default_bridge_as_dockerd_does(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        view = networks.inspect("bridge")
        assert networks.inspect(view["Id"][:8]) == view
    del view["Id"], view["Created"]
    assert view == {
        "Name": "bridge",
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}],
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": "trimaran0",
            "com.docker.network.driver.mtu": "1460",
        },
        "Labels": {},
    }


async def test_renamed_container_is_shown_by_its_new_name(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        await networks.prepare("c1", plan("old"))
        assert await networks.begin("c1")
        await networks.rename("c1", "new")
        assert networks.inspect("bridge")["Containers"]["c1"]["Name"] == "new"


async def test_what_was_not_prepared_does_not_begin(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        assert not await networks.begin("c1")
