"""Log options are checked with the texts that dockerd 20.10 gave."""

from __future__ import annotations

import pytest

from engine.domain.logs.options import (
    JsonFileOptions,
    check_options,
    json_file_options,
    parse_size,
)
from engine.errors import InvalidParameter, SystemFailure


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("json-file", {"foo": "1"}, "unknown log opt 'foo' for json-file log driver"),
        ("json-file", {"mode": "x"}, "logger: logging mode not supported: x"),
        (
            "json-file",
            {"max-buffer-size": "1m"},
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "json-file",
            {"mode": "non-blocking", "max-buffer-size": "q"},
            "error parsing option max-buffer-size: invalid size: 'q'",
        ),
        ("nosuch", {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'),
    ],
)
def test_create_refuses(driver: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_options(driver, options)
    assert str(caught.value) == text


def test_create_takes_what_only_the_start_looks_at() -> None:
    check_options("json-file", {"max-size": "abc", "mode": "non-blocking", "tag": "x"})
    check_options("none", {"foo": "1"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max-size": "abc"}, "invalid size: 'abc'"),
        ({"max-size": ""}, "invalid size: ''"),
        ({"max-size": "-1"}, "invalid size: '-1'"),
        ({"max-size": "10q"}, "invalid size: '10q'"),
        ({"max-size": "0"}, "max-size must be a positive number"),
        ({"max-file": "0"}, "max-file cannot be less than 1"),
        ({"max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"compress": "maybe"}, 'strconv.ParseBool: parsing "maybe": invalid syntax'),
        (
            {"compress": "true", "max-file": "3"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
    ],
)
def test_start_refuses(options: dict[str, str], text: str) -> None:
    with pytest.raises(SystemFailure) as caught:
        json_file_options(options)
    assert str(caught.value) == f"failed to initialize logging driver: {text}"


def test_sizes_of_log_files_are_decimal() -> None:
    options = json_file_options({"max-size": "1.5m", "max-file": "3", "compress": "1"})
    assert options == JsonFileOptions(1_500_000, 3, True)
    assert json_file_options({}) == JsonFileOptions(None, 1, False)
    assert parse_size("2 KiB", 1024) == 2048
