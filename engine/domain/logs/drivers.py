"""The log drivers, their own options, and what each refuses, in dockerd's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.domain.logs.values import go_bool, go_duration, integer, parse_size

Options = Mapping[str, str]

_CHOICE = {"labels", "labels-regex", "env", "env-regex", "tag"}
KNOWN: dict[str, set[str]] = {
    "json-file": _CHOICE | {"max-file", "max-size", "compress"},
    "local": {"max-file", "max-size", "compress"},
    "journald": _CHOICE,
    "syslog": _CHOICE
    | {
        *("syslog-address", "syslog-facility", "syslog-format", "syslog-tls-ca-cert"),
        *("syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify"),
    },
    "gelf": _CHOICE
    | {
        *("gelf-address", "gelf-compression-level", "gelf-compression-type"),
        *("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"),
    },
    "fluentd": _CHOICE
    | {
        *("fluentd-address", "fluentd-async", "fluentd-async-connect", "fluentd-buffer-limit"),
        *("fluentd-retry-wait", "fluentd-max-retries", "fluentd-sub-second-precision"),
        *("fluentd-request-ack", "fluentd-async-reconnect-interval", "fluentd-write-timeout"),
    },
}
DRIVERS = tuple(sorted(KNOWN))
"""As /info lists them; `none` is no driver of its own there."""
KEEPING = frozenset({"json-file", "local", "none"})
"""Those that hand their lines to nobody else; any other name is a delivering driver, or a plugin."""

FACILITIES = {
    name: number
    for number, name in enumerate(
        (
            *("kern", "user", "mail", "daemon", "auth", "syslog"),
            *("lpr", "news", "uucp", "cron", "authpriv", "ftp"),
        )
    )
} | {f"local{number}": 16 + number for number in range(8)}
SYSLOG_FORMATS = ("", "rfc3164", "rfc5424", "rfc5424micro")
_SYSLOG_SCHEMES = ("tcp+tls", "tcp", "udp", "unixgram", "unix")
_FLUENTD_PORT = 24224
_FLUENTD_FLAGS = {
    *("fluentd-async", "fluentd-async-connect"),
    *("fluentd-request-ack", "fluentd-sub-second-precision"),
}


class Address(NamedTuple):
    """Where a driver sends to; `scheme` "" is syslog's own choice of a local socket."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path or not self.host:
            return f"{self.scheme}://{self.path}" if self.scheme else "the local syslog"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def syslog_address(text: str) -> Address:
    """ValueError with dockerd's text; the socket of a unix address has to be there."""
    if not text:
        return Address("")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _SYSLOG_SCHEMES:
        raise ValueError(f"syslog-address should be in form proto://address, got {text}")
    if scheme.startswith("unix"):
        return Address(scheme, path=rest)
    host, port = _host_and_port(text)
    return Address(scheme, host or "localhost", 514 if port is None else port)


def gelf_address(text: str) -> Address:
    if not text:
        raise ValueError("gelf-address is a required parameter")
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in ("udp", "tcp"):
        raise ValueError(f"gelf-address should be in form proto://address, got {text}")
    host, port = _host_and_port(text)
    if port is None:
        raise ValueError("gelf: please provide gelf-address as proto://host:port")
    return Address(scheme, host or "localhost", port)


def fluentd_address(text: str) -> Address:
    """`host`, `host:port`, `tcp://...`, `tls://...` or `unix:///path`."""
    if not text:
        return Address("tcp", "127.0.0.1", _FLUENTD_PORT)
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "unix":
        return Address("unix", path=rest)
    if separator and scheme in ("tcp", "tls"):
        host, port = _host_and_port(text)
        return Address(scheme, host or "127.0.0.1", _FLUENTD_PORT if port is None else port)
    host, colon, digits = text.partition(":")
    if not colon:
        return Address("tcp", text, _FLUENTD_PORT)
    try:
        return Address("tcp", host or "127.0.0.1", integer(digits))
    except ValueError as error:
        raise ValueError(f"invalid fluentd-address {text}: {error}") from None


def _host_and_port(text: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(text)
        return parts.hostname or "", parts.port
    except ValueError:
        port = text.partition("://")[2].split("/")[0].partition(":")[2]
        raise ValueError(
            f'parse "{text}": invalid port ":{port.split(":")[-1]}" after host'
        ) from None


def facility(text: str) -> int:
    """The number of a syslog facility, by name or number."""
    if text.isascii() and text.isdigit() and int(text) <= 23:
        return int(text)
    if text and text not in FACILITIES:
        raise ValueError("invalid syslog facility")
    return FACILITIES[text or "daemon"]


def _only_known(driver: str, options: Options) -> None:
    where = f"log driver {driver}" if driver == "local" else f"{driver} log driver"
    quote = '"' if driver == "gelf" else "'"
    for name in options:
        if name not in KNOWN[driver]:
            raise ValueError(f"unknown log opt {quote}{name}{quote} for {where}")


def _check_syslog(options: Options) -> None:
    _only_known("syslog", options)
    address = syslog_address(options.get("syslog-address", ""))
    if address.path and not os.path.exists(address.path):
        raise ValueError(f"stat {address.path}: no such file or directory")
    facility(options.get("syslog-facility", ""))
    if options.get("syslog-format", "") not in SYSLOG_FORMATS:
        raise ValueError("Invalid syslog format")


def _check_gelf(options: Options) -> None:
    address = gelf_address(options.get("gelf-address", ""))
    for name, value in options.items():
        if name.startswith("gelf-compression-"):
            if address.scheme != "udp":
                raise ValueError("compression is only supported on UDP")
            levels = {str(number) for number in range(-1, 10)}
            if value not in (levels if name.endswith("level") else {"gzip", "zlib", "none"}):
                raise ValueError(
                    f'unknown value "{value}" for log opt "{name}" for gelf log driver'
                )
        elif name.startswith("gelf-tcp-"):
            if address.scheme != "tcp":
                raise ValueError(f'"{name}" is only valid for TCP')
            if not (value.isascii() and value.isdigit()):
                raise ValueError(f'"{name}" must be a positive integer')
    _only_known("gelf", options)


def _check_fluentd(options: Options) -> None:
    _only_known("fluentd", options)
    for name, value in options.items():
        if name in _FLUENTD_FLAGS:
            go_bool(value)
        elif name == "fluentd-buffer-limit":
            parse_size(value, 1024)
        elif name in ("fluentd-retry-wait", "fluentd-write-timeout"):
            go_duration(value)
        elif name == "fluentd-async-reconnect-interval":
            _reconnect_interval(value)
        elif name == "fluentd-max-retries":
            integer(value, function="ParseUint", signed=False)
    if "fluentd-async" in options and "fluentd-async-connect" in options:
        raise ValueError(
            "conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect"
        )
    fluentd_address(options.get("fluentd-address", ""))


def _reconnect_interval(text: str) -> None:
    if go_duration(text) and not 0.1 <= go_duration(text) <= 10:
        raise ValueError(
            f'invalid value for fluentd-async-reconnect-interval: value ("{text}") '
            "must be between 100ms and 10s"
        )


CHECKS: dict[str, Callable[[Options], None]] = {
    "json-file": lambda options: _only_known("json-file", options),
    "local": lambda options: _only_known("local", options),
    "journald": lambda options: _only_known("journald", options),
    "syslog": _check_syslog,
    "gelf": _check_gelf,
    "fluentd": _check_fluentd,
}
