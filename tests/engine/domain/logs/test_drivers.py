from __future__ import annotations

import pytest

from engine.domain.logs.drivers import (
    DRIVERS,
    KEEPING,
    Address,
    facility,
    fluentd_address,
    gelf_address,
    syslog_address,
)
from engine.domain.logs.options import check_options
from engine.errors import InvalidParameter

GELF = {"gelf-address": "udp://h:1"}
GELF_TCP = {"gelf-address": "tcp://h:1"}
NAN = 'strconv.ParseBool: parsing "x": invalid syntax'


# What dockerd 20.10.24 says.
@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("json-file", {"x": "1"}, "unknown log opt 'x' for json-file log driver"),
        ("local", {"x": "1"}, "unknown log opt 'x' for log driver local"),
        ("local", {"labels": "x"}, "unknown log opt 'labels' for log driver local"),
        ("journald", {"x": "1"}, "unknown log opt 'x' for journald log driver"),
        ("syslog", {"x": "1"}, "unknown log opt 'x' for syslog log driver"),
        ("syslog", {"cache-foo": "x"}, "unknown log opt 'cache-foo' for syslog log driver"),
        ("fluentd", {"x": "1"}, "unknown log opt 'x' for fluentd log driver"),
        ("gelf", {"x": "1"}, "gelf-address is a required parameter"),
        ("gelf", {**GELF, "x": "1"}, 'unknown log opt "x" for gelf log driver'),
        ("nosuch", {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'),
        ("syslog", {"mode": "x"}, "logger: logging mode not supported: x"),
        ("syslog", {"cache-disabled": "x"}, "invalid value for option cache-disabled: x"),
        (
            "syslog",
            {"syslog-address": "foo"},
            "syslog-address should be in form proto://address, got foo",
        ),
        (
            "syslog",
            {"syslog-address": "http://a"},
            "syslog-address should be in form proto://address, got http://a",
        ),
        (
            "syslog",
            {"syslog-address": "unix:///nonexistent"},
            "stat /nonexistent: no such file or directory",
        ),
        (
            "syslog",
            {"syslog-address": "tcp://h:p:q"},
            'parse "tcp://h:p:q": invalid port ":q" after host',
        ),
        ("syslog", {"syslog-facility": "bad"}, "invalid syslog facility"),
        ("syslog", {"syslog-facility": "99"}, "invalid syslog facility"),
        ("syslog", {"syslog-format": "bad"}, "Invalid syslog format"),
        (
            "gelf",
            {"gelf-address": "http://a:1"},
            "gelf-address should be in form proto://address, got http://a:1",
        ),
        (
            "gelf",
            {"gelf-address": "udp://a"},
            "gelf: please provide gelf-address as proto://host:port",
        ),
        (
            "gelf",
            {**GELF, "gelf-compression-type": "bad"},
            'unknown value "bad" for log opt "gelf-compression-type" for gelf log driver',
        ),
        (
            "gelf",
            {**GELF, "gelf-compression-level": "99"},
            'unknown value "99" for log opt "gelf-compression-level" for gelf log driver',
        ),
        (
            "gelf",
            {**GELF_TCP, "gelf-compression-type": "gzip"},
            "compression is only supported on UDP",
        ),
        (
            "gelf",
            {**GELF, "gelf-tcp-max-reconnect": "1"},
            '"gelf-tcp-max-reconnect" is only valid for TCP',
        ),
        (
            "gelf",
            {**GELF_TCP, "gelf-tcp-reconnect-delay": "-1"},
            '"gelf-tcp-reconnect-delay" must be a positive integer',
        ),
        (
            "fluentd",
            {"fluentd-address": "a:b"},
            'invalid fluentd-address a:b: strconv.Atoi: parsing "b": invalid syntax',
        ),
        (
            "fluentd",
            {"fluentd-address": "http://a"},
            'invalid fluentd-address http://a: strconv.Atoi: parsing "//a": invalid syntax',
        ),
        ("fluentd", {"fluentd-async": "x"}, NAN),
        ("fluentd", {"fluentd-request-ack": "x"}, NAN),
        ("fluentd", {"fluentd-buffer-limit": "x"}, "invalid size: 'x'"),
        ("fluentd", {"fluentd-retry-wait": "x"}, 'time: invalid duration "x"'),
        (
            "fluentd",
            {"fluentd-max-retries": "x"},
            'strconv.ParseUint: parsing "x": invalid syntax',
        ),
        (
            "fluentd",
            {"fluentd-async": "true", "fluentd-async-connect": "true"},
            "conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect",
        ),
        (
            "fluentd",
            {"fluentd-async-reconnect-interval": "1h"},
            'invalid value for fluentd-async-reconnect-interval: value ("1h") '
            "must be between 100ms and 10s",
        ),
    ],
)
def test_refusals_are_dockerds(driver: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check_options(driver, options)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("json-file", {"cache-disabled": "true", "labels-regex": "^a", "tag": "x"}),
        ("local", {"max-size": "x"}),  # looked at when the container starts, as dockerd does
        ("syslog", {"syslog-address": "tcp+tls://h", "syslog-facility": "local7"}),
        ("syslog", {"syslog-format": "rfc5424micro", "syslog-facility": "23"}),
        ("syslog", {"cache-max-size": "1m", "mode": "non-blocking", "max-buffer-size": "1m"}),
        ("gelf", {**GELF, "gelf-compression-level": "-1", "gelf-compression-type": "none"}),
        ("gelf", {**GELF_TCP, "gelf-tcp-max-reconnect": "3"}),
        ("fluentd", {"fluentd-address": "unix:///run/f", "fluentd-retry-wait": "1s"}),
        ("journald", {"tag": "{{.Name}}"}),
    ],
)
def test_what_dockerd_takes_is_taken(driver: str, options: dict[str, str]) -> None:
    check_options(driver, options)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", Address("")),
        ("udp://h", Address("udp", "h", 514)),
        ("tcp://", Address("tcp", "localhost", 514)),
        ("tcp+tls://[::1]:6514", Address("tcp+tls", "::1", 6514)),
        ("unixgram:///", Address("unixgram", path="/")),
    ],
)
def test_syslog_addresses(text: str, address: Address) -> None:
    assert syslog_address(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", Address("tcp", "127.0.0.1", 24224)),
        ("h", Address("tcp", "h", 24224)),
        ("h:1", Address("tcp", "h", 1)),
        ("tcp://h:1", Address("tcp", "h", 1)),
        ("tls://h", Address("tls", "h", 24224)),
        ("unix:///run/f", Address("unix", path="/run/f")),
    ],
)
def test_fluentd_addresses(text: str, address: Address) -> None:
    assert fluentd_address(text) == address


def test_addresses_can_be_shown() -> None:
    assert str(gelf_address("udp://h:1")) == "udp://h:1"
    assert str(syslog_address("tcp+tls://[::1]:1")) == "tcp+tls://[::1]:1"
    assert str(fluentd_address("unix:///run/f")) == "unix:///run/f"
    assert str(syslog_address("")) == "the local syslog"


def test_facilities_have_names_and_numbers() -> None:
    assert [facility(each) for each in ("", "kern", "local0", "7")] == [3, 0, 16, 7]


def test_drivers_are_those_of_the_api_and_file_drivers_deliver_nowhere() -> None:
    assert DRIVERS == ("fluentd", "gelf", "journald", "json-file", "local", "syslog")
    assert set(DRIVERS) - KEEPING == {"fluentd", "gelf", "journald", "syslog"}
