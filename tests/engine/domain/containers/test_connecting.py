from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Forbidden, InvalidParameter, NotFound, SystemFailure
from engine.models.networks import (
    EndpointIPAMConfig,
    EndpointSettings,
    NetworkCreateRequest,
    NetworkingConfig,
)
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running

ASKED = EndpointSettings(
    ipam_config=EndpointIPAMConfig(ipv4_address="172.18.0.9"), aliases=["db"], ip_address="1.2.3.4"
)


async def front(daemon: Daemon) -> str:
    return (await daemon.networks.create(NetworkCreateRequest(name="front"))).id


def told(daemon: Daemon) -> list[tuple[str, str]]:
    return [
        (each.action, each.attributes["name"])
        for each in daemon.journal.events
        if each.type == "network"
    ]


async def test_running_container_is_connected_with_its_event_and_files(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        network = await front(daemon)
        cell = await daemon.run("web")
        await daemon.containers.connect("web", network[:12], ASKED)
        shown = daemon.containers.inspect("web").network_settings.networks
        assert list(shown) == ["bridge", "front"]
        assert (shown["front"].ip_address, shown["front"].aliases) == ("172.18.0.9", ["db"])
        assert shown["front"].dns_names == ["web", "db", cell.id[:12]]
        assert daemon.machine.record(cell.id) == cell.record
        assert told(daemon)[-1] == ("connect", "front")
        directory = daemon.outside.directory(cell.id)
        assert f"172.18.0.9\t{cell.id[:12]}\n" in (directory / "hosts").read_text()
        assert "nameserver 127.0.0.11\n" in (directory / "resolv.conf").read_text()
        with pytest.raises(Forbidden, match="already exists in network front"):
            await daemon.containers.connect("web", "front", ASKED)


async def test_disconnected_container_is_as_before(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        cell = await daemon.run("web")
        directory = daemon.outside.directory(cell.id)
        before = {name: (directory / name).read_text() for name in ("hosts", "resolv.conf")}
        await daemon.containers.connect("web", "front", ASKED)
        await daemon.containers.disconnect("web", "front")
        assert list(daemon.containers.inspect("web").network_settings.networks) == ["bridge"]
        assert told(daemon)[-1] == ("disconnect", "front")
        for name, text in before.items():
            assert (directory / name).read_text() == text
        with pytest.raises(NotFound, match="is not connected to network front"):
            await daemon.containers.disconnect("web", "front")


async def test_what_users_wrote_into_hosts_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        cell = await daemon.run("web")
        hosts = daemon.outside.directory(cell.id) / "hosts"
        hosts.write_text(hosts.read_text() + "10.9.9.9\tmine\n")
        await daemon.containers.connect("web", "front", ASKED)
        await daemon.containers.disconnect("web", "front")
        assert "10.9.9.9\tmine\n" in hosts.read_text()


async def test_stopped_containers_networks_hold_from_its_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        cell = await daemon.create("web")
        await settled()
        await daemon.containers.connect("web", "front", ASKED)
        await daemon.containers.disconnect("web", "bridge")
        assert told(daemon) == []
        await daemon.containers.start("web")
        shown = daemon.containers.inspect("web").network_settings.networks
        assert [(name, each.ip_address) for name, each in shown.items()] == [
            ("front", "172.18.0.9")
        ]
        assert daemon.machine.record(cell.id) == cell.record


async def test_network_that_has_gone_is_taken_out_of_the_record(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        await daemon.create("web")
        await settled()
        await daemon.containers.connect("web", "front", EndpointSettings())
        await daemon.networks.remove("front")
        with pytest.raises(NotFound, match="network front not found"):
            await daemon.containers.start("web")
        await daemon.containers.disconnect("web", "front")
        await daemon.containers.start("web")
        assert list(daemon.containers.inspect("web").network_settings.networks) == ["bridge"]


@pytest.mark.parametrize(
    ("mode", "text"),
    [("host", "to host network"), ("none", "private .none. mode"), ("container:web", "sharing")],
)
async def test_modes_that_stand_alone_refuse(mode: str, text: str, tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        await daemon.run("web")
        await daemon.create("other", network_mode=mode)
        with pytest.raises(InvalidParameter, match=text):
            await daemon.containers.connect("other", "front", EndpointSettings())


async def test_unknown_ones_are_told_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        await daemon.create("web")
        with pytest.raises(NotFound, match="No such container: nope"):
            await daemon.containers.connect("nope", "front", EndpointSettings())
        with pytest.raises(NotFound, match="network nope not found"):
            await daemon.containers.connect("web", "nope", EndpointSettings())
        with pytest.raises(NotFound, match="No such container: nope"):
            await daemon.containers.disconnect("nope", "front")
        await daemon.containers.disconnect("nope", "front", force=True)


async def test_several_networks_at_create_keep_their_order(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        for name in ("zeta", "alpha"):
            await daemon.networks.create(NetworkCreateRequest(name=name))
        wanted = NetworkingConfig(
            endpoints_config={"alpha": EndpointSettings(), "zeta": EndpointSettings()}
        )
        cell = await daemon.run("web", network_mode="zeta", networking_config=wanted)
        assert list(cell.record.endpoints) == ["zeta", "alpha"]
        # Without a mode of its own, the networks named are all.
        other = await daemon.run("db", networking_config=wanted)
        assert list(other.record.endpoints) == ["alpha", "zeta"]


async def test_failing_connection_leaves_the_record(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await front(daemon)
        cell = await daemon.run("web")
        daemon.machine.network.links.failure = SystemFailure("no")
        with pytest.raises(SystemFailure, match="no"):
            await daemon.containers.connect("web", "front", EndpointSettings())
        assert list(cell.record.endpoints) == ["bridge"]
