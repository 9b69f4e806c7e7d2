"""Whatever dockerd knows is taken or refused with a reason; nothing is unknown, nothing silently without effect."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config.errors import ConfigError
from config.flags import parse
from config.honoured import REFUSED, REMOVED, STATUS
from config.load import load
from config.options import FILE_ONLY, OPTIONS
from config.schema import KEYS, Settings

TABLE = [
    line.split()
    for line in (Path(__file__).parent / "dockerd_options.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
OURS = {
    *("api-half-open", "api-header-timeout", "events-retention", "operator-addr", "publish-policy"),
    *("plugin-sockets", "plugin-specs", "storage-collection", "timeline-retention"),
}
"""Keys that dockerd does not have; some have a flag."""
BARE = {"restart", "icc"}


def missing(path: str) -> bytes:
    raise FileNotFoundError(path)


@pytest.mark.parametrize(("flag", "key", "value"), TABLE, ids=[f"{a}/{b}" for a, b, _ in TABLE])
def test_flag_of_dockerd_is_taken_or_refused_with_a_reason(flag: str, key: str, value: str) -> None:
    if flag == "-":
        assert key in FILE_ONLY or key in REMOVED
        return
    refusal, loaded = "", None
    try:
        loaded = load(parse([f"--{flag}={value}"]), missing)
    except ConfigError as error:
        refusal = str(error)
    if loaded is None:
        name, reasons = (key, REFUSED) if key in REFUSED else (f"--{flag}", REMOVED)
        assert f"{name} is not supported: {reasons[key]}" in refusal
        return
    assert key not in REMOVED
    if key == "-":
        return
    changed = getattr(loaded.settings, KEYS[key]) != getattr(Settings(), KEYS[key])
    assert changed or flag in BARE or value in ("overlay2",), "the flag has no effect"
    warned = any(f'"{key}" is accepted but not honoured yet' in each for each in loaded.warnings)
    assert warned == (STATUS[key] == "accepted")


@pytest.mark.parametrize("key", sorted({key for _, key, _ in TABLE if key != "-"}))
def test_key_of_daemon_json_is_known_or_refused_with_a_reason(key: str) -> None:
    default = msgspec.to_builtins(Settings())
    content = msgspec.json.encode({key: default.get(key)})
    refusal = ""
    try:
        load(parse([]), lambda path: content)
    except ConfigError as error:
        refusal = str(error)
    assert (key in KEYS) == (not refusal)
    assert REMOVED.get(key, "") in refusal


def test_table_and_ours_are_all_that_there_is() -> None:
    keys = {key for _, key, _ in TABLE} - {"-"}
    assert keys == (KEYS.keys() | REMOVED.keys()) - OURS
    flags = {flag for flag, _, _ in TABLE} - {"-"}
    own = {"config-file", "validate", "version", "help"} | OURS
    known = {option.flag for option in OPTIONS}
    assert known - flags <= own
    assert flags - known == {"graph", "oom-score-adjust", "cluster-store",
                                              "cluster-advertise", "cluster-store-opt"}  # fmt: skip
