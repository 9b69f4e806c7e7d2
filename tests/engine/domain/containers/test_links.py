from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.domain.containers.cell import Cell
from engine.domain.containers.links import (
    Linked,
    environment,
    hosts_rows,
    linked,
    parent_of,
    parents_of,
    resolve,
    resolved,
    shown,
)
from engine.domain.containers.records import Container, NetworkState, Status
from engine.domain.containers.registry import Registry
from engine.domain.networks.facade import Endpoint, Sandbox
from engine.domain.streams.session import ProcessStreams
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models.containers import ContainerConfig, HostConfig
from tests.engine.domain.containers.containers import container

KID, DAD = "1" * 64, "2" * 64


def cell_of(id_: str, name: str, status: Status = Status.RUNNING, **changes: Any) -> Cell:
    record: Container = msgspec.structs.replace(container(status), id=id_, name=name, **changes)

    async def close() -> None: ...

    return Cell(record, ProcessStreams(Path("/nowhere"), close), lambda cell: None)


def sandbox(ip: str) -> NetworkState:
    endpoint = Endpoint(
        network_id="n", network_name="bridge", endpoint_id="e", ip=ip, prefix=16, mac="m"
    )
    return NetworkState(Sandbox(id="s", key="k", netns_path="/p", endpoints=(endpoint,)))


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    bridge = HostConfig(network_mode="bridge")
    made.add(
        cell_of(
            KID,
            "kid",
            host=bridge,
            network=sandbox("172.17.0.2"),
            config=ContainerConfig(
                hostname="kidhost",
                env=["FOO=bar", "PATH=/x", "BARE"],
                exposed_ports={"80/tcp": {}, "53/udp": {}},
            ),
        )
    )
    made.add(cell_of(DAD, "dad", host=bridge, links={"ali-as": KID}))
    return made


def record(registry: Registry, id_: str) -> Container:
    cell = registry.get(id_)
    assert cell is not None
    return cell.record


def test_links_are_kept_by_id(registry: Registry) -> None:
    assert resolved(HostConfig(links=["kid:a", "kid"]), registry) == {"a": KID, "kid": KID}


def test_links_to_nobody_or_to_the_hosts_network_are_refused(registry: Registry) -> None:
    with pytest.raises(InvalidParameter, match="could not get container for x: No such container"):
        resolved(HostConfig(links=["x:a"]), registry)
    registry.add(cell_of("3" * 64, "hosty", host=HostConfig(network_mode="host")))
    with pytest.raises(InvalidParameter, match="host type networking can't be used with links"):
        resolved(HostConfig(links=["hosty:a"]), registry)


def test_a_start_sees_its_running_children(registry: Registry) -> None:
    (link,) = linked(record(registry, DAD), registry)
    assert hosts_rows([link]) == [("172.17.0.2", "ali-as kidhost kid")]
    assert environment("dad", [link]) == (
        "ALI_AS_PORT=udp://172.17.0.2:53",
        "ALI_AS_PORT_53_UDP=udp://172.17.0.2:53",
        "ALI_AS_PORT_53_UDP_ADDR=172.17.0.2",
        "ALI_AS_PORT_53_UDP_PORT=53",
        "ALI_AS_PORT_53_UDP_PROTO=udp",
        "ALI_AS_PORT_80_TCP=tcp://172.17.0.2:80",
        "ALI_AS_PORT_80_TCP_ADDR=172.17.0.2",
        "ALI_AS_PORT_80_TCP_PORT=80",
        "ALI_AS_PORT_80_TCP_PROTO=tcp",
        "ALI_AS_NAME=/dad/ali-as",
        "ALI_AS_ENV_FOO=bar",
    )


def test_neighbouring_ports_are_told_as_a_range_too() -> None:
    link = Linked("a", "1.2.3.4", "n", "h", (), ("80/tcp", "81/tcp", "82/tcp", "90/tcp"))
    told = environment("p", [link])
    assert "A_PORT_80_TCP_START=tcp://1.2.3.4:80" in told
    assert "A_PORT_80_TCP_END=tcp://1.2.3.4:82" in told
    assert not any("90_TCP_START" in each for each in told)


def test_a_child_that_does_not_run_keeps_its_parent_from_starting(registry: Registry) -> None:
    kid = registry.get(KID)
    assert kid is not None
    kid.record = kid.record.with_state(status=Status.EXITED)
    with pytest.raises(
        SystemFailure, match="Cannot link to a non running container: /kid AS /dad/ali-as"
    ):
        linked(record(registry, DAD), registry)


def test_on_other_networks_links_do_nothing(registry: Registry) -> None:
    dad = msgspec.structs.replace(record(registry, DAD), host=HostConfig(network_mode="none"))
    assert linked(dad, registry) == []


def test_names_follow_the_links(registry: Registry) -> None:
    assert parents_of(registry) == {KID: ["/dad/ali-as"]}
    assert shown(record(registry, DAD), registry) == ["/kid:/dad/ali-as"]
    assert shown(record(registry, KID), registry) is None
    assert resolve("dad/ali-as", registry).id == KID
    assert resolve("/kid", registry).id == KID
    for wrong in ("dad/nosuch", "nosuch/ali-as"):
        with pytest.raises(NotFound, match=f"No such container: {wrong}"):
            resolve(wrong, registry)


def test_only_a_links_own_name_is_taken_away(registry: Registry) -> None:
    parent, alias = parent_of("dad/ali-as", registry)
    assert (parent.id, alias) == (DAD, "ali-as")
    with pytest.raises(Conflict, match="cannot remove the default link name"):
        parent_of("dad", registry)
    with pytest.raises(NotFound):
        parent_of("nosuch", registry)
    with pytest.raises(NotFound):
        parent_of("dad/nosuch", registry)
