from __future__ import annotations

from pathlib import Path

import msgspec

from engine.domain.containers.announce import network_events
from engine.domain.networks.records import Endpoint
from tests.engine.domain.containers.rooms import running


async def test_each_network_is_told_of_by_its_name_and_driver(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        sandbox = cell.record.network.sandbox
        (told,) = network_events("connect", cell.record, sandbox, daemon.outside)
        assert (told.type, told.action) == ("network", "connect")
        assert told.actor_id == daemon.networks.find("bridge").id
        assert told.attributes == {"container": cell.id, "name": "bridge", "type": "bridge"}


async def test_network_that_has_gone_has_no_driver_and_who_has_none_is_silent(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        sandbox = cell.record.network.sandbox
        assert sandbox is not None
        gone = Endpoint(network_id="f" * 64, network_name="gone", endpoint_id="e")
        lost = msgspec.structs.replace(sandbox, endpoints=[gone])
        (told,) = network_events("disconnect", cell.record, lost, daemon.outside)
        assert told.attributes["type"] == ""
        assert network_events("disconnect", cell.record, None, daemon.outside) == []
