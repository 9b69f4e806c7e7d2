from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from engine.adapters.logsinks import open_sink
from engine.adapters.logsinks.syslog import header, make
from tests.engine.adapters.logsinks.receivers import (
    LIMIT,
    NS,
    Server,
    destination,
    lines,
    port_of,
    received,
    udp,
    unixgram,
)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", "<30>Nov 14 22:13:20 tag[7]: "),
        ("rfc3164", "<30>Nov 14 22:13:20 host tag[7]: "),
        ("rfc5424", "<30>1 2023-11-14T22:13:20Z host tag 7 tag - "),
        ("rfc5424micro", "<30>1 2023-11-14T22:13:20.123456Z host tag 7 tag - "),
    ],
)
def test_formats_are_dockerds(form: str, text: str) -> None:
    assert header(form, "tag", "host", 7)(30, NS) == text


def test_zone_is_told_where_it_is_not_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XXX+03:30")
    time.tzset()
    assert "T18:43:20-03:30 " in header("rfc5424", "t", "h", 1)(30, NS)


async def test_local_lines_go_out_as_datagrams_with_priority_and_tag() -> None:
    with udp() as receiver:
        sink = open_sink(
            destination(
                "syslog",
                syslog_address=f"udp://127.0.0.1:{port_of(receiver)}",
                syslog_facility="local1",
                syslog_format="rfc3164",
                tag="{{.ImageName}}/{{.Name}}",
            )
        )
        await sink.connect()
        await sink.send(sink.encode([*lines("out"), *lines("err", stream="stderr")]))
        sink.close()
        name = f"{socket.gethostname()} busybox/web[{os.getpid()}]"
        assert received(receiver, 2) == [
            f"<142>Nov 14 22:13:20 {name}: out\n".encode(),
            f"<139>Nov 14 22:13:20 {name}: err\n".encode(),
        ]
        assert sink.receiver == f"udp://127.0.0.1:{port_of(receiver)}"


async def test_hosts_own_syslog_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "log")
    monkeypatch.setattr("engine.adapters.logsinks.syslog.LOCAL", ("/nonexistent", path))
    with unixgram(path) as receiver:
        sink = make(destination("syslog"))
        await sink.connect()
        await sink.send(sink.encode(lines("hello")))
        sink.close()
        (message,) = received(receiver, 1)
        assert re.fullmatch(rb"<30>Nov 14 22:13:20 f{12}\[\d+\]: hello\n", message)


def certified(directory: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = directory / "key", directory / "cert"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return key, certificate


async def test_tls_frames_messages_by_their_length(tmp_path: Path) -> None:
    key, certificate = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(tls=context)
    address = f"tcp+tls://127.0.0.1:{server.port}"
    trusted = {"syslog_tls_ca_cert": str(certificate)}
    skipped = {"syslog_tls_skip_verify": "true"}
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: server.serve(task_status=task_status))
        for options in (trusted, skipped):
            server.data = b""
            sink = make(
                destination("syslog", syslog_address=address, syslog_format="rfc5424", **options)
            )
            await sink.connect()
            await sink.send(sink.encode(lines("hello")))
            with trio.fail_after(LIMIT):
                while not server.data.endswith(b"hello\n"):  # noqa: ASYNC110 (another socket's end)
                    await trio.sleep(0.01)
            length, _, message = server.data.partition(b" ")
            assert int(length) == len(message)
            assert message.startswith(b"<30>1 2023-11-14T22:13:20Z ")
            sink.close()
        nursery.cancel_scope.cancel()


async def test_certificate_of_somebody_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make(destination("syslog", syslog_address="tcp+tls://h", syslog_tls_ca_cert="/nonexistent"))


CONFIG = """
global(workDirectory="{0}")
module(load="imtcp")
module(load="imudp")
module(load="imuxsock" SysSock.Use="off")
template(name="told" type="string"
         string="%syslogseverity%|%syslogfacility%|%programname%|%procid%|%hostname%|%timegenerated%|%msg%\\n")
ruleset(name="all") {{ action(type="omfile" file="{0}/told" template="told") }}
input(type="imtcp" port="0" listenPortFileName="{0}/port" address="127.0.0.1" ruleset="all")
input(type="imudp" port="{1}" address="127.0.0.1" ruleset="all")
input(type="imuxsock" socket="{0}/log" ruleset="all")
"""


@pytest.fixture
def rsyslogd(tmp_path: Path) -> Iterator[int]:
    """A real one with its files in `tmp_path`; its UDP port."""
    program = shutil.which("rsyslogd")
    if program is None:
        pytest.skip("rsyslogd is not installed")
    with udp() as found:
        port = port_of(found)
    (tmp_path / "conf").write_text(CONFIG.format(tmp_path, port))
    command = [program, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LIMIT
        while not ((tmp_path / "port").exists() and (tmp_path / "log").exists()):
            assert process.poll() is None, "rsyslogd ended"
            assert time.monotonic() < deadline, "rsyslogd does not listen"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(LIMIT)


@pytest.mark.parametrize("form", ["", "rfc3164", "rfc5424", "rfc5424micro"])
async def test_real_rsyslog_understands_every_format(
    tmp_path: Path, rsyslogd: int, form: str
) -> None:
    local, stream = f"unixgram://{tmp_path}/log", int((tmp_path / "port").read_text())
    # What comes from its own socket rsyslog expects in the local form.
    remote = f"udp://127.0.0.1:{rsyslogd}", f"tcp://127.0.0.1:{stream}"
    addresses = remote if form else (local, local)
    for number, address in enumerate(addresses):
        sink = make(
            destination(
                "syslog",
                syslog_address=address,
                syslog_format=form,
                syslog_facility="local1",
                tag="shop",
            )
        )
        await sink.connect()
        await sink.send(
            sink.encode([*lines(f"one{number}"), *lines(f"two{number}", stream="stderr")])
        )
        sink.close()
    told: list[str] = []
    with trio.fail_after(LIMIT):
        while len(told) < 4:
            await trio.sleep(0.02)
            path = tmp_path / "told"
            told = path.read_text().splitlines() if path.exists() else []
    rows = sorted((each.split("|") for each in told), key=lambda row: row[-1].strip())
    assert [row[-1].strip() for row in rows] == ["one0", "one1", "two0", "two1"]
    for severity, facility, program, pid, *_, text in rows:
        assert severity == ("6" if text.strip().startswith("one") else "3")
        assert (facility, program, pid) == ("17", "shop", str(os.getpid()))
