from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from config.schema import Settings
from engine.api.listeners import TcpListener, UnixListener
from engine.domain.events.bus import EventBus
from engine.domain.logs.facade import Logs
from engine.domain.system.pulse import Pulse
from engine.wiring.metrics import Metrics, Readings, metrics_listeners
from supervisors import Supervisor
from tests.engine.domain.containers.rooms import running
from tests.engine.domain.system.test_facade import system
from tests.fakes.event_log import FakeEventLog


async def test_scrape_tells_of_the_rooms(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("first")
        containers = daemon.containers
        metrics = Metrics(
            Readings(containers),
            (containers, Logs(tmp_path, lambda *_: None), system()),  # type: ignore[arg-type,return-value]
            EventBus(FakeEventLog()),
            Supervisor("root").status,
            Pulse(),
        )
        body, kind = await metrics.scrape()
        assert kind.startswith("text/plain")
        families = {each.name: each for each in text_string_to_metric_families(body.decode())}
        (restarts,) = families["trimaran_container_restarts"].samples
        assert restarts.labels == {"id": cell.id, "name": "first"}
        states = families["engine_daemon_container_states_containers"].samples
        assert {each.labels["state"]: each.value for each in states}["stopped"] == 1


def test_socket_is_always_there_and_an_address_where_asked_for() -> None:
    (unix,) = metrics_listeners(Settings(exec_root="/e"))
    assert isinstance(unix, UnixListener)
    assert (str(unix.path), unix.mode) == ("/e/metrics.sock", 0o600)
    _, tcp = metrics_listeners(Settings(exec_root="/e", metrics_addr="127.0.0.1:9323"))
    assert tcp == TcpListener("127.0.0.1", 9323)
