"""daemon.json's names at every depth, and the texts in it that stand for numbers."""

from __future__ import annotations

from typing import Any

import pytest

from config.directives import normalise
from config.errors import ConfigError, UnknownDirectives
from config.honoured import REMOVED


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"debug": True}, {"debug": True}),
        ({"debug": None}, {}),
        ({"default-shm-size": "64M"}, {"default-shm-size": 64 << 20}),
        ({"default-shm-size": 7}, {"default-shm-size": 7}),
        ({"host-gateway-ip": "10.0.0.1"}, {"host-gateway-ips": ["10.0.0.1"]}),
        (
            {"events-retention": {"age": "24h", "bytes": "1m", "count": 5}},
            {"events-retention": {"age": 86400, "bytes": 1 << 20, "count": 5}},
        ),
        (
            {"storage-collection": {"Grace": "10m", "min-age": 5, "reserve": "1g", "keep": ["a"]}},
            {"storage-collection": {"grace": 600, "min-age": 5, "reserve": 1 << 30, "keep": ["a"]}},
        ),
        (
            {"default-ulimits": {"nofile": {"soft": 1, "HARD": 2}}},
            {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}}},
        ),
        (
            {"runtimes": {"mine": {"PATH": "/x", "runtimeargs": ["-v"], "runtimeType": None}}},
            {"runtimes": {"mine": {"path": "/x", "runtimeArgs": ["-v"]}}},
        ),
        (
            {"builder": {"GC": {"enabled": True, "policy": [{"KeepStorage": "1GB"}]}}},
            {"builder": {"gc": {"enabled": True, "policy": [{"keepStorage": "1GB"}]}}},
        ),
    ],
)
def test_names_get_their_case_and_texts_become_numbers(
    given: dict[str, Any], read: dict[str, Any]
) -> None:
    assert normalise(given) == read


def test_all_unknown_names_are_told_at_once() -> None:
    with pytest.raises(UnknownDirectives) as refusal:
        normalise({"nope": 1, "builder": {"gc": {"nada": 1}}, "debug": True})
    assert str(refusal.value) == (
        "the following directives don't match any configuration option: nope, builder.gc.nada"
    )


def test_bad_text_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError) as refusal:
        normalise({"default-shm-size": "much"})
    assert refusal.value.key == "default-shm-size"
    with pytest.raises(ConfigError) as refusal:
        normalise({"dns": ["1.1.1.1", "foo"]})
    assert (refusal.value.key, str(refusal.value)) == ("dns", "foo is not an ip address")


def test_what_dockerd_has_removed_is_refused_by_its_name() -> None:
    for key in REMOVED:
        with pytest.raises(ConfigError) as refusal:
            normalise({key: True})
        assert key in str(refusal.value)
