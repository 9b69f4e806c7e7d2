from __future__ import annotations

from typing import Any

import msgspec
import pytest

from config.sections import (
    AddressPool,
    Builder,
    EventsRetention,
    Proxies,
    Runtime,
    StorageCollection,
    Ulimit,
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (
            Runtime,
            {"path": "/x", "runtimeArgs": ["-v"]},
            Runtime(path="/x", args=("-v",)),
        ),
        (
            Runtime,
            {"runtimeType": "io.x", "options": {"a": 1}},
            Runtime(type="io.x", options={"a": 1}),
        ),
        (AddressPool, {"base": "10.0.0.0/8", "size": 24}, AddressPool("10.0.0.0/8", 24)),
        (Ulimit, {"Name": "nofile", "Soft": 1, "Hard": -1}, Ulimit("nofile", 1, -1)),
        (Proxies, {"http-proxy": "http://p"}, Proxies(http_proxy="http://p")),
        (EventsRetention, {"count": 5}, EventsRetention(count=5)),
        (StorageCollection, {"min-age": 5}, StorageCollection(min_age=5)),
    ],
)
def test_sections_have_the_names_of_the_file(
    kind: type[msgspec.Struct], text: dict[str, Any], value: msgspec.Struct
) -> None:
    assert msgspec.convert(text, kind) == value
    assert msgspec.convert(msgspec.to_builtins(value), kind) == value


SECTIONS = [Runtime, AddressPool, Ulimit, Proxies, Builder, EventsRetention, StorageCollection]


@pytest.mark.parametrize("kind", SECTIONS)
def test_unknown_names_are_refused_everywhere(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"nope": 1}, kind)


def test_collection_rules_are_nested() -> None:
    found = msgspec.convert({"gc": {"enabled": True, "policy": [{"all": True}]}}, Builder)
    assert found.gc.enabled
    assert found.gc.policy[0].all
