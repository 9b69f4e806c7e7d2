"""Default log options are checked before any container is made with them."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.validate_logs import check_log_options


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("json-file", {"foo": "1"}, "unknown log opt 'foo' for json-file log driver"),
        ("local", {"tag": "x"}, "unknown log opt 'tag' for log driver local"),
        ("json-file", {"max-size": "x"}, "invalid value for max-size: invalid size: 'x'"),
        ("json-file", {"max-size": "0"}, "invalid value for max-size: 0"),
        ("local", {"max-file": "0"}, "invalid value for max-file: 0: must be a positive number"),
        ("local", {"compress": "x"}, 'invalid value for compress: strconv.ParseBool: parsing "x": invalid syntax'),
        ("syslog", {"mode": "x"}, "logger: logging mode not supported: x"),
        ("none", {"max-buffer-size": "1m"}, "logger: max-buffer-size option is only supported with 'mode=non-blocking', got ''"),
    ],
)  # fmt: skip
def test_wrong_log_options_are_refused(driver: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_log_options(driver, options)
    assert (str(caught.value), caught.value.key) == (text, "log-opts")


def test_options_of_a_foreign_driver_are_its_own() -> None:
    check_log_options("syslog", {"syslog-address": "udp://x", "mode": "non-blocking"})
    check_log_options("local", {"max-size": "1m", "cache-disabled": "true"})
    check_log_options(
        "json-file", {"max-size": "-1", "max-file": "3", "compress": "true", "tag": "x"}
    )
