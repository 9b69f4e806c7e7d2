"""syslog: RFC 3164, RFC 5424 and the local form, over datagrams, streams and TLS, as dockerd sends it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from engine.adapters.logsinks.connections import Connection, Datagrams, Streamed
from engine.domain.logs.attributes import render_tag
from engine.domain.logs.drivers import Address, facility, syslog_address
from engine.domain.logs.ports import Destination, Line
from engine.domain.logs.timestamps import SECOND
from engine.domain.logs.values import go_bool

LOCAL = ("/dev/log", "/var/run/syslog", "/var/run/log")
"""Where the host's own syslog may listen."""
_INFO, _ERROR = 6, 3
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

Header = Callable[[int, int], str]
"""From the priority and the time (ns) to what stands before the text."""


class SyslogSink:
    """`header` makes the format, `framed` says that each message has its length before it (RFC 5425)."""

    def __init__(
        self, receiver: str, connection: Connection, header: Header, facility: int, *, framed: bool
    ) -> None:
        self.receiver = receiver
        self._connection = connection
        self._header = header
        self._facility = facility * 8
        self._framed = framed

    async def connect(self) -> None:
        await self._connection.connect()

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        return [self._message(line) for line in lines]

    def _message(self, line: Line) -> bytes:
        priority = self._facility + (_ERROR if line.stream == "stderr" else _INFO)
        message = f"{self._header(priority, line.time_ns)}{line.text}\n".encode()
        return b"%d %s" % (len(message), message) if self._framed else message

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._connection.send(messages)

    def close(self) -> None:
        self._connection.close()


def header(form: str, tag: str, hostname: str, pid: int) -> Header:
    """The formats of dockerd's `syslog-format`."""

    def unix(priority: int, ns: int) -> str:
        return f"<{priority}>{_stamp(ns)} {tag}[{pid}]: "

    def rfc3164(priority: int, ns: int) -> str:
        return f"<{priority}>{_stamp(ns)} {hostname} {tag}[{pid}]: "

    def rfc5424(priority: int, ns: int) -> str:
        return f"<{priority}>1 {_rfc3339(ns)} {hostname} {tag} {pid} {tag} - "

    def rfc5424micro(priority: int, ns: int) -> str:
        return f"<{priority}>1 {_rfc3339(ns, micro=True)} {hostname} {tag} {pid} {tag} - "

    known = {"rfc3164": rfc3164, "rfc5424": rfc5424, "rfc5424micro": rfc5424micro}
    return known.get(form, unix)


def _stamp(ns: int) -> str:
    # Not strftime, which would speak the locale's language.
    at = time.localtime(ns // SECOND)
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    return f"{_MONTHS[at.tm_mon - 1]} {at.tm_mday:2d} {clock}"


def _rfc3339(ns: int, *, micro: bool = False) -> str:
    seconds, fraction = divmod(ns, SECOND)
    at = time.localtime(seconds)
    offset = at.tm_gmtoff // 60
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    zone = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" if offset else "Z"
    part = f".{fraction // 1000:06d}" if micro else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', at)}{part}{zone}"


def make(destination: Destination) -> SyslogSink:
    options = destination.options
    address = syslog_address(options.get("syslog-address", ""))
    form = options.get("syslog-format", "")
    tag = render_tag(destination.subject, options.get("tag", "") or "{{.ID}}")
    return SyslogSink(
        str(address),
        _connection(address, options),
        header(form, tag, socket.gethostname(), os.getpid()),
        facility(options.get("syslog-facility", "")),
        framed=address.scheme == "tcp+tls" and form.startswith("rfc5424"),
    )


def _connection(address: Address, options: dict[str, str]) -> Connection:
    if address.scheme == "tcp+tls":
        return Streamed(address, tls=_tls(options))
    if address.scheme in ("tcp", "unix"):
        return Streamed(address)
    if address.scheme:
        return Datagrams(address)
    return Datagrams(*(Address("unixgram", path=path) for path in LOCAL))


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    authority = options.get("syslog-tls-ca-cert") or None
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if _skips_verification(options.get("syslog-tls-skip-verify", "")):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := options.get("syslog-tls-cert"):
        context.load_cert_chain(certificate, options.get("syslog-tls-key") or None)
    return context


def _skips_verification(text: str) -> bool:
    """dockerd takes whatever is there for a yes, but for what says no."""
    try:
        return bool(text) and go_bool(text)
    except ValueError:
        return True
