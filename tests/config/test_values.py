from __future__ import annotations

from typing import Any

import pytest

from config import values
from config.errors import ConfigError
from config.values import Kind, check_runtime_name, read_seconds, read_size


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (values.MAP, "a=b=c", {"a": "b=c"}),
        (values.FEATURES, "x", {"x": True}),
        (values.FEATURES, "x=false", {"x": False}),
        (values.NETWORK_OPTIONS, "bridge=a=b", {"bridge": {"a": "b"}}),
        (values.RUNTIMES, "mine=/usr/bin/mine", {"mine": {"path": "/usr/bin/mine"}}),
        (values.ULIMITS, "nofile=1:2", {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}}),
        (values.POOLS, "base=10.0.0.0/8, size=24", {"base": "10.0.0.0/8", "size": 24}),
        (values.RETENTION, "count=5,age=2h,bytes=1k", {"count": 5, "age": 7200, "bytes": 1024}),
        (values.RESOURCES, "gpu=1", "gpu=1"),
        (values.HOSTS, " unix:///x.sock ", "unix:///x.sock"),
    ],
)
def test_flags_become_what_the_file_has(kind: Kind, text: str, value: Any) -> None:
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (values.MAP, "novalue", "invalid key=value pair: novalue"),
        (values.MAP, "=x", "invalid key=value pair: =x"),
        (
            values.RESOURCES,
            "gpu",
            "invalid node-generic-resource format `gpu` expected `name=value`",
        ),
        (values.NETWORK_OPTIONS, "bridge=a", "invalid format for default-network-opt: bridge=a"),
        (values.RUNTIMES, "mine", "invalid runtime argument: mine"),
        (values.RUNTIMES, "RunC=/x", "runtime name 'runc' is reserved"),
        (values.POOLS, "base=x", "default-address-pool needs a size: base=x"),
        (values.POOLS, "base=x,size=²", "invalid size value: ²"),
        (values.POOLS, "base=x,size=1,more=2", "unexpected key 'more' in 'base=x,size=1,more=2'"),
        (values.POOLS, "base", "invalid field 'base' must be a key=value pair"),
        (values.RETENTION, "days=1", "unexpected key 'days' in 'days=1'"),
    ],
)
def test_bad_texts_are_refused(kind: Kind, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        kind.read(text)
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5h", 5400), ("1m30s", 90), ("100ms", 0)]
)
def test_durations_are_whole_seconds(text: str, seconds: int) -> None:
    assert read_seconds(text) == seconds
    assert read_size("1k") == 1024


@pytest.mark.parametrize("text", ["²", "soon", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_seconds(text)


def test_runtime_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="runtime name cannot be empty"):
        check_runtime_name(" ")
    check_runtime_name("crun")
