"""The driver syslog against rsyslog: what it makes of the lines, by each transport and in each format."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.clients.test_daemon_restart import until
from tests.harness.daemon import Daemon

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="rsyslog is not installed"),
]

COUNT = 200
PRINT = f"i=0; while [ $i -lt {COUNT} ]; do echo line $i; i=$((i+1)); done; echo ' ä | b'"
LINES = [*(f"line {number}" for number in range(COUNT)), " ä | b"]
PORT = 10514
CONFIG = """
module(load="imtcp") module(load="imudp") module(load="imuxsock" SysSock.Use="off")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
input(type="imuxsock" Socket="{socket}")
global(parser.escapeControlCharactersOnReceive="off" parser.escape8BitCharactersOnReceive="off")
template(name="told" type="string" string="%syslogfacility-text% %syslogseverity% %programname% %procid% %msg%\\n")
action(type="omfile" file="{out}" template="told")
"""


class Rsyslog:
    """In the daemon's network namespace; `out` is the file that it writes."""

    def __init__(self, daemon: Daemon) -> None:
        place = daemon.root / "rsyslog"
        place.mkdir()
        self.out, self.socket = place / "out", place / "socket"
        config = place / "config"
        config.write_text(CONFIG.format(port=PORT, socket=self.socket, out=self.out))
        self._process = subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{daemon.name}"),
                *("rsyslogd", "-n", "-f", str(config), "-i", str(place / "pid")),
            ],
            stdin=subprocess.DEVNULL,
        )
        until(self.socket.exists, 20)

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)


@pytest.fixture(scope="module")
def rsyslog(daemon: Daemon) -> Iterator[Rsyslog]:
    made = Rsyslog(daemon)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("transport", "kind"),
    [
        ("tcp", ""),
        ("tcp", "rfc5424micro"),
        ("udp", "rfc3164"),
        ("udp", "rfc5424"),
        ("unixgram", ""),  # a local socket takes no other, since the others name a host
    ],
)
def test_lines_arrive_as_they_were_printed(
    daemon: Daemon, rsyslog: Rsyslog, transport: str, kind: str
) -> None:
    place = str(rsyslog.socket) if transport == "unixgram" else f"127.0.0.1:{PORT}"
    tag = f"{transport}-{kind or 'plain'}"
    options = (
        f"syslog-address={transport}://{place}",
        f"syslog-format={kind}",
        "syslog-facility=local3",
        f"tag={tag}",
    )
    words = [f"--log-opt={each}" for each in options if not each.endswith("=")]
    run = ("run", "--rm", "--net", "none", "--log-driver", "syslog", *words, "busybox")
    daemon.docker(*run, "sh", "-c", f"{PRINT}; echo wrong >&2", check=True)
    deadline = time.monotonic() + 20
    while len(found := mine(rsyslog, tag)) <= len(LINES) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [text for severity, text in found if severity == "6"] == LINES
    assert [text for severity, text in found if severity == "3"] == ["wrong"]


def mine(rsyslog: Rsyslog, tag: str) -> list[tuple[str, str]]:
    """Severity and text. In the older formats rsyslog takes the space behind the tag for the text's."""
    found = []
    for line in rsyslog.lines():
        facility, severity, program, _, text = line.split(" ", 4)
        if program == tag:
            assert facility == "local3"
            found.append((severity, text if "rfc5424" in tag else text.removeprefix(" ")))
    return found
