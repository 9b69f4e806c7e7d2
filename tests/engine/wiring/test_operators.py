from __future__ import annotations

import pytest
import trio

from config.origins import Origin
from config.schema import Settings
from config.sections import EventsRetention, Proxies
from engine.domain.containers.restoring import Restoring
from engine.domain.system.pulse import Pulse
from engine.domain.system.vigil import Vigil
from engine.wiring.operators import MASK, Announced, Operators, masked
from supervisors import Node


def operators(
    *children: Node,
    settings: Settings | None = None,
    origins: dict[str, Origin] | None = None,
    restoring: Restoring | None = None,
) -> Operators:
    tree = Node(name="root", state="starting", since=1.0, children=children)
    return Operators(
        lambda: tree,
        Vigil({}),
        restoring or Restoring(),
        Pulse(),
        (settings or Settings(), origins or {}),
    )


def test_each_value_comes_with_its_origin() -> None:
    found = operators(
        settings=Settings(
            bridge="br9", dns=("10.0.0.1",), events_retention=EventsRetention(count=5)
        ),
        origins={"bridge": Origin.FILE, "dns": Origin.FLAG},
    ).configuration()
    assert found["bridge"] == {"value": "br9", "origin": "file"}
    assert found["dns"] == {"value": ["10.0.0.1"], "origin": "flag"}
    assert found["debug"] == {"value": False, "origin": "default"}
    assert found["events-retention"]["value"]["count"] == 5  # type: ignore[index]


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        proxies=Proxies(http_proxy="http://me:hush@proxy:3128/", https_proxy="http://proxy:1"),
        log_opts={"splunk-token": "hush", "max-size": "1m"},
    )
    told = operators(settings=settings).configuration()
    assert "hush" not in repr(told)
    assert told["proxies"]["value"]["http-proxy"] == f"http://me:{MASK}@proxy:3128/"  # type: ignore[index]
    assert told["log-opts"]["value"] == {"splunk-token": MASK, "max-size": "1m"}  # type: ignore[index]


@pytest.mark.parametrize("value", ["", 5, None, True, "http://me@proxy/", "a@b"])
def test_what_is_no_secret_is_shown(value: object) -> None:
    assert masked("key", value) == value


def test_what_is_waited_for_has_a_name() -> None:
    restoring = Restoring()
    restoring.expect([("a", "a"), ("b", "b")])
    found = operators(
        Node(name="store", state="running", since=1.0),
        Node(name="containers", state="starting", since=1.0),
        restoring=restoring,
    )
    assert found.waiting_for() == "containers (0 of 2 containers are restored)"
    assert operators().waiting_for() == "its last services"


def test_start_is_told_to_both() -> None:
    class Further:
        told = 0

        def started(self, value: None = None) -> None:
            self.told += 1

    ready, further = trio.Event(), Further()
    Announced(ready, further).started()
    assert ready.is_set()
    assert further.told == 1
