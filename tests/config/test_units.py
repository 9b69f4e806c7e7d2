"""Sizes, durations, ulimits and Go's scalars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.sections import Ulimit
from config.units import (
    bytes_size,
    duration_ns,
    go_bool,
    go_int,
    human_in_bytes,
    parse_ulimit,
    ram_in_bytes,
)

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("32", 32), ("32b", 32), ("32B", 32), ("32k", 32 << 10), ("32K", 32 << 10), ("32kb", 32 << 10),
        ("32Kib", 32 << 10), ("64m", 64 << 20), ("1g", 1 << 30), ("1.5GiB", 3 << 29), ("1 t", 1 << 40),
        ("1PB", 1 << 50), ("0", 0), ("9007199254740993", 9007199254740993), (".5k", 512), ("1.k", 1024),
    ],
)  # fmt: skip
def test_sizes_are_read_in_powers_of_1024(text: str, size: int) -> None:
    assert ram_in_bytes(text) == size


def test_human_sizes_are_read_in_powers_of_1000() -> None:
    assert (human_in_bytes("10GB"), human_in_bytes("1.5k")) == (10**10, 1500)


@pytest.mark.parametrize(
    "text", ["", "foo", "-1", " 1", "1  k", "1x", "1kk", "1ki1", "1e9", "9999999p", "1ib"]
)
def test_wrong_sizes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^invalid (size|suffix): '"):
        ram_in_bytes(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (512, "512B"), (64 << 20, "64MiB"), (3 << 29, "1.5GiB"), (1 << 60, "1024PiB")],
)
def test_sizes_are_shown_as_docker_does(size: int, text: str) -> None:
    assert bytes_size(size) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("10s", 10 * SECOND), ("1h30m", 5400 * SECOND), ("-1.5h", -5400 * SECOND),
        ("+5s", 5 * SECOND), ("1.5s", 1500_000_000), ("100ms", SECOND // 10), ("1us", 1000),
        ("1µs", 1000), ("3ns", 3), (".5s", SECOND // 2), ("1.s", SECOND), ("1h0m2s", 3602 * SECOND),
    ],
)  # fmt: skip
def test_durations_are_read_as_go_does(text: str, expected: int) -> None:
    assert duration_ns(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'time: invalid duration ""'), ("x", 'time: invalid duration "x"'),
        ("3", 'time: missing unit in duration "3"'), ("1d", 'time: unknown unit "d" in duration "1d"'),
        (".s", 'time: invalid duration ".s"'), ("-", 'time: invalid duration "-"'),
        ("99999999h", 'time: invalid duration "99999999h"'),
    ],
)  # fmt: skip
def test_wrong_durations_are_refused_as_go_does(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        duration_ns(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("nofile=1024:2048", Ulimit("nofile", 1024, 2048)),
        ("nofile=5", Ulimit("nofile", 5, 5)),
        ("core=0:-1", Ulimit("core", 0, -1)),
        ("core=-1", Ulimit("core", -1, -1)),
    ],
)
def test_ulimits_are_read(text: str, limit: Ulimit) -> None:
    assert parse_ulimit(text) == limit


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("foo", "invalid ulimit argument: foo"),
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'),
        ("nofile=1:", 'strconv.ParseInt: parsing "": invalid syntax'),
        ("nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ("nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: 5 > 3"),
        ("nofile=-1:3", "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 3"),
    ],
)  # fmt: skip
def test_wrong_ulimits_are_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_ulimit(text)
    assert str(caught.value) == error


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_int64_is_read(number: int) -> None:
    assert go_int(str(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0x1f", 31), ("017", 15), ("0o17", 15), ("0b11", 3), ("+4", 4), ("1_000", 1000)],
)
def test_integers_have_gos_bases(text: str, number: int) -> None:
    assert go_int(text) == number


@pytest.mark.parametrize(
    "text", ["", "-", "--1", "+-1", " 1", "1 ", "٣", "09", "1.0", str(1 << 63)]
)
def test_what_go_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"strconv\.ParseInt"):
        go_int(text)


def test_truth_values_are_gos() -> None:
    assert all(map(go_bool, ["1", "t", "T", "true", "TRUE", "True"]))
    assert not any(map(go_bool, ["0", "f", "F", "false", "FALSE", "False"]))
    with pytest.raises(ConfigError, match="invalid syntax"):
        go_bool("yes")
