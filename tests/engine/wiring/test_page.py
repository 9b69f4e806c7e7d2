from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.api.listeners import TcpListener
from engine.domain.containers.restoring import Restoring
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Events
from engine.domain.system.pulse import Pulse
from engine.domain.system.vigil import Vigil
from engine.wiring.metrics import Readings
from engine.wiring.operators import Operators
from engine.wiring.page import PageSource, address, page_listeners
from supervisors import Supervisor
from tests.engine.domain.containers.rooms import running
from tests.fakes.event_log import FakeEventLog


def test_default_address_is_done_without_where_it_is_taken() -> None:
    assert page_listeners(Settings()) == [TcpListener("127.0.0.1", 2374, spare=True)]
    asked = page_listeners(Settings(operator_addr="127.0.0.1:7"))
    assert asked == [TcpListener("127.0.0.1", 7)]
    assert page_listeners(Settings(operator_addr="")) == []


def test_address_is_one_that_a_browser_here_can_open() -> None:
    assert address(TcpListener("0.0.0.0", 7), "T") == "http://127.0.0.1:7/_trimaran/?token=T"
    assert address(TcpListener("::", 7), "T") == "http://[::1]:7/_trimaran/?token=T"


async def test_page_is_filled_from_the_rooms(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        tree = Supervisor("root").status
        operators = Operators(tree, Vigil({}), Restoring(), Pulse(), (Settings(), {}))
        rooms = daemon.containers, daemon.networks, Events(EventBus(FakeEventLog()))
        source = PageSource(operators, rooms, Readings(daemon.containers), "E")
        await daemon.create("first")
        assert [cell.record.name for cell in source.cells()] == ["first"]
        assert "bridge" in [each["name"] for each in source.networks()]
        assert await source.usage() == {}
        before = source.tree_changes
        operators.changed("root/store", "running", None)
        assert source.tree_changes == before + 1
