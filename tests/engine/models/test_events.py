from __future__ import annotations

import msgspec

from engine.models.events import Actor, EventMessage


def test_container_event_has_the_members_for_old_clients() -> None:
    message = EventMessage(
        status="start",
        id="c",
        from_="busybox",
        type="container",
        action="start",
        actor=Actor(id="c", attributes={"image": "busybox"}),
        scope="local",
        time=1,
        time_nano=1_000_000_002,
    )
    assert msgspec.json.encode(message) == (
        b'{"status":"start","id":"c","from":"busybox","Type":"container","Action":"start",'
        b'"Actor":{"ID":"c","Attributes":{"image":"busybox"}},"scope":"local","time":1,'
        b'"timeNano":1000000002}'
    )


def test_network_event_has_not() -> None:
    written = msgspec.json.encode(EventMessage(type="network", action="connect"))
    assert b'"status"' not in written
    assert b'"from"' not in written
