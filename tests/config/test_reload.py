"""A reload says what it does, and a refused one does nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.flags import parse
from config.load import load
from config.reload import FIXED, RELOADABLE, apply, diff, refusals, refused
from config.schema import KEYS, Settings

NAMES = st.text("abcdefgh", min_size=1, max_size=6)
VALID: dict[str, st.SearchStrategy[Any]] = {
    "debug": st.booleans(),
    "live-restore": st.booleans(),
    "mtu": st.integers(0, 9000),
    "shutdown-timeout": st.integers(-1, 100),
    "labels": st.dictionaries(NAMES, NAMES).map(lambda d: [f"{k}={v}" for k, v in d.items()]),
    "dns": st.lists(st.ip_addresses().map(str), max_size=3),
    "default-shm-size": st.sampled_from(["64m", "1g", 1 << 20]),
    "data-root": st.sampled_from(["/a", "/b"]),
    "log-opts": st.just({"max-size": "1m"}),
    "registry-mirrors": NAMES.map(lambda name: [f"https://{name}"]),
    "features": st.dictionaries(NAMES, st.booleans()),
    "default-ulimits": st.just({"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}}),
    "proxies": st.fixed_dictionaries({}, optional={"http-proxy": NAMES, "no-proxy": NAMES}),
    "containerd-namespace": st.sampled_from(["moby", "x"]),
}
WRONG = st.sampled_from(
    [{"nope": 1}, {"mtu": "x"}, {"mtu": -1}, {"dns": ["x"]}, {"labels": ["a=b", "a=c"]}]
)
CONFIGS = st.fixed_dictionaries({}, optional=VALID)


def settings_of(data: object) -> Settings:
    return load(parse([]), lambda path: json.dumps(data).encode()).settings


@given(CONFIGS)
def test_any_valid_configuration_survives_a_round_trip(data: dict[str, Any]) -> None:
    settings = settings_of(data)
    written = msgspec.json.encode(settings)
    assert msgspec.json.decode(written, type=Settings) == settings
    assert settings_of(json.loads(written)) == settings


@given(CONFIGS, CONFIGS, WRONG)
def test_refused_reload_leaves_the_old_untouched(
    data: dict[str, Any], other: dict[str, Any], wrong: dict[str, Any]
) -> None:
    old = settings_of(data)
    before = msgspec.json.encode(old)
    with pytest.raises(ConfigError) as caught:
        settings_of({**other, **wrong})
    (change,) = refused(old, caught.value)
    assert (change.verdict, change.reason) == ("rejected", str(caught.value))
    assert msgspec.json.encode(old) == before


@given(CONFIGS, CONFIGS)
def test_reload_changes_what_it_says_and_no_more(one: dict[str, Any], two: dict[str, Any]) -> None:
    old, new = settings_of(one), settings_of(two)
    result = apply(old, new)
    changes = diff(old, new)
    assert [change.key for change in changes] == list(KEYS)
    for change in changes:
        value = getattr(result, KEYS[change.key])
        assert value == (change.new if change.verdict == "applied" else change.old)
        assert (change.verdict == "unchanged") == (change.old == change.new)
    assert {c.verdict for c in diff(result, new)} <= {"unchanged", "needs-restart", "rejected"}


@pytest.mark.parametrize(
    ("new", "key", "verdict", "reason"),
    [
        (Settings(debug=True), "debug", "applied", ""),
        (Settings(log_opts={"max-size": "1m"}), "log-opts", "applied", ""),
        (Settings(data_root="/x"), "data-root", "needs-restart", "it takes effect at the next start"),
        (Settings(containerd_namespace="x"), "containerd-namespace", "rejected", "it was recorded at the first start of this data root"),
        (Settings(raw_logs=True), "raw-logs", "needs-restart", "accepted but not honoured yet"),
    ],
)  # fmt: skip
def test_each_verdict_has_its_reason(new: Settings, key: str, verdict: str, reason: str) -> None:
    (change,) = (change for change in diff(Settings(), new) if change.verdict != "unchanged")
    assert (change.key, change.verdict, change.reason) == (key, verdict, reason)


def test_key_taken_out_of_the_file_goes_back_to_its_default() -> None:
    old = settings_of({"max-concurrent-downloads": 9, "features": {"a": True}})
    assert apply(old, settings_of({})) == Settings()


def test_tables_name_existing_keys() -> None:
    assert KEYS.keys() >= RELOADABLE
    assert FIXED.keys() <= KEYS.keys()
    assert not RELOADABLE & FIXED.keys()


def test_only_a_key_that_can_never_change_refuses_the_whole() -> None:
    changes = diff(Settings(), Settings(debug=True, raw_logs=True, bridge="other", mtu=9000))
    assert [change.key for change in refusals(changes)] == ["bridge"]
