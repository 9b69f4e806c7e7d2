"""Log drivers by the real CLI, each against a receiver that speaks its protocol."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_daemon_restart import until
from tests.harness import logreceivers
from tests.harness.daemon import Daemon, running_daemon
from tests.harness.logreceivers import Receiver

pytestmark = [pytest.mark.client, pytest.mark.integration]

COUNT = 300
PRINT = f"i=0; while [ $i -lt {COUNT} ]; do echo line $i; i=$((i+1)); done"
LINES = [f"line {number}" for number in range(COUNT)]


def report(daemon: Daemon, name: str) -> Any:
    return daemon.json("GET", f"/_trimaran/containers/{name}/log")


def run(daemon: Daemon, name: str, *options: str, script: str = PRINT) -> None:
    arguments = ("run", "--name", name, "--net", "none", *options, "busybox", "sh", "-c", script)
    daemon.docker(*arguments, check=True)


def logged(daemon: Daemon, name: str, *options: str) -> list[str]:
    done = daemon.docker("logs", *options, name, check=True)
    return done.stdout.decode().splitlines()


@pytest.fixture
def place(daemon: Daemon) -> Iterator[Path]:
    path = daemon.root / "receivers"
    path.mkdir(exist_ok=True)
    yield path
    for each in path.iterdir():
        each.unlink()


def receiver(daemon: Daemon, place: Path, driver: str, transport: str) -> tuple[Receiver, str]:
    """And the address to give to the driver."""
    parse = {
        "syslog": logreceivers.syslog,
        "fluentd": logreceivers.fluentd,
        "gelf": logreceivers.gelf_tcp if transport == "tcp" else logreceivers.gelf_udp,
    }[driver]
    if transport == "unixgram":
        path = str(place / "datagrams")
        return Receiver(logreceivers.unixgram(path), parse), f"unixgram://{path}"
    make = logreceivers.udp if transport == "udp" else logreceivers.tcp
    found = Receiver(make(daemon.name), parse)
    return found, f"{transport}://127.0.0.1:{found.port}"


@pytest.mark.parametrize(
    ("driver", "transport", "options"),
    [
        ("syslog", "udp", ()),
        ("syslog", "tcp", ("syslog-format=rfc5424micro",)),
        ("syslog", "unixgram", ("syslog-format=rfc3164", "tag={{.Name}}")),
        ("fluentd", "tcp", ("tag=docker.{{.ID}}",)),
        ("gelf", "udp", ()),
        ("gelf", "tcp", ("mode=non-blocking", "max-buffer-size=4m")),
    ],
)
def test_lines_reach_their_receiver_and_can_be_read_here(
    daemon: Daemon, place: Path, driver: str, transport: str, options: tuple[str, ...]
) -> None:
    found, address = receiver(daemon, place, driver, transport)
    name = f"sends-{driver}-{transport}"
    words = [f"--log-opt={each}" for each in (f"{driver}-address={address}", *options)]
    with found:
        run(daemon, name, "--log-driver", driver, *words)
        assert found.wait(COUNT) == LINES
        until(lambda: report(daemon, name)["Delivered"] == COUNT, 15)
    assert logged(daemon, name) == LINES
    assert logged(daemon, name, "--tail", "3") == LINES[-3:]
    known = report(daemon, name)
    assert (known["Driver"], known["Receiver"]) == (driver, address)
    assert (known["Dropped"], known["SpooledLines"], known["SpooledBytes"]) == (0, 0, 0)
    daemon.docker("rm", name, check=True)
    until(lambda: not any((daemon.root / "data" / "logs").iterdir()), 15)


def test_receiver_that_comes_late_gets_all_in_order_and_the_daemon_may_die() -> None:
    with running_daemon() as daemon:
        socket = logreceivers.tcp(daemon.name)
        port = socket.getsockname()[1]
        socket.close()
        options = ("--log-driver", "syslog", "--log-opt", f"syslog-address=tcp://127.0.0.1:{port}")
        began = time.monotonic()
        run(daemon, "early", *options)
        assert time.monotonic() - began < 15
        run(daemon, "gone", "--rm", *options, script=PRINT.replace("line", "gone"))
        until(lambda: report(daemon, "early")["LastError"] == "Connection refused", 15)
        known = report(daemon, "early")
        assert (known["SpooledLines"], known["Connected"], known["Delivered"]) == (COUNT, False, 0)
        assert logged(daemon, "early") == LINES
        daemon.kill()
        daemon.start()
        assert report(daemon, "early")["SpooledLines"] == COUNT
        with Receiver(logreceivers.tcp(daemon.name, port), logreceivers.syslog) as receiver:
            texts = receiver.wait(2 * COUNT)
        # Two containers share the receiver; each one's lines are in order.
        assert [each for each in texts if each.startswith("line")] == LINES
        assert len(texts) == 2 * COUNT
        until(lambda: report(daemon, "early")["Delivered"] == COUNT, 15)


def test_kills_of_the_daemon_lose_no_line_of_a_container_that_goes_on() -> None:
    """A kill may repeat what was under way, in order; nothing is skipped."""
    count = 2000
    script = (
        f"i=0; while [ $i -lt {count} ]; do echo $i; i=$((i+1)); "
        "[ $((i%200)) = 0 ] && sleep 0.1; done; true"
    )
    with running_daemon("--live-restore") as daemon:
        with Receiver(logreceivers.tcp(daemon.name), logreceivers.gelf_tcp) as receiver:
            address = f"gelf-address=tcp://127.0.0.1:{receiver.port}"
            options = ("--log-driver", "gelf", "--log-opt", address)
            daemon.docker(
                *("run", "-d", "--name", "goes-on", "--net", "none", *options),
                *("busybox", "sh", "-c", script),
                check=True,
            )
            for heard in (300, 1000):
                assert len(receiver.wait(heard)) >= heard
                daemon.kill()
                daemon.start()
            daemon.docker("wait", "goes-on", check=True)
            until(lambda: report(daemon, "goes-on")["Delivered"] == count, 30)
            got = [int(each) for each in receiver.wait(count)]
            assert report(daemon, "goes-on")["Dropped"] == 0
        assert logged(daemon, "goes-on") == [str(number) for number in range(count)]
        expected = 0
        for number in got:
            assert number <= expected, f"{expected} to {number - 1} are missing"
            expected = max(expected, number + 1)
        assert expected == count


def test_local_and_none(daemon: Daemon) -> None:
    run(daemon, "local-log", "--log-driver", "local")
    assert logged(daemon, "local-log") == LINES
    assert report(daemon, "local-log") == {"Driver": "local"}
    inspected = daemon.json("GET", "/containers/local-log/json")
    assert inspected["LogPath"] == ""
    run(daemon, "no-log", "--log-driver", "none")
    done = daemon.docker("logs", "no-log")
    assert b"configured logging driver does not support reading" in done.stderr
    daemon.docker("rm", "local-log", "no-log", check=True)


def test_journald_may_be_away(daemon: Daemon) -> None:
    run(daemon, "journal", "--log-driver", "journald", "--log-opt", "tag={{.Name}}")
    assert logged(daemon, "journal") == LINES
    known = report(daemon, "journal")
    assert known["Receiver"] in ("", "unixgram:///run/systemd/journal/socket")
    daemon.docker("rm", "journal", check=True)


def test_log_without_a_cache_is_not_read(daemon: Daemon) -> None:
    address = ("--log-opt", "gelf-address=udp://127.0.0.1:1", "--log-opt", "cache-disabled=true")
    run(daemon, "uncached", "--log-driver", "gelf", *address)
    done = daemon.docker("logs", "uncached")
    assert b"configured logging driver does not support reading" in done.stderr
    daemon.docker("rm", "uncached", check=True)


def test_what_cannot_be_used_is_refused_in_dockerds_words(daemon: Daemon) -> None:
    done = daemon.docker("create", "--log-driver", "syslog", "--log-opt", "x=1", "busybox")
    assert b"unknown log opt 'x' for syslog log driver" in done.stderr
    options = ("--log-driver", "journald", "--log-opt", "tag={{.Foo}}")
    done = daemon.docker("run", "--name", "wrong", *options, "busybox", "true")
    assert b"failed to initialize logging driver: template: log-tag:1:2: executing" in done.stderr
    daemon.docker("rm", "wrong", check=True)


def test_info_lists_the_drivers(daemon: Daemon) -> None:
    assert daemon.json("GET", "/info")["Plugins"]["Log"] == [
        *("fluentd", "gelf", "journald", "json-file", "local", "syslog")
    ]


def test_daemons_default_applies_to_who_says_nothing(tmp_path: Path) -> None:
    with running_daemon("--log-driver=local", "--log-opt=max-size=20k") as daemon:
        run(daemon, "plain")
        config = daemon.json("GET", "/containers/plain/json")["HostConfig"]["LogConfig"]
        assert config == {"Type": "local", "Config": {"max-size": "20k"}}
        assert daemon.json("GET", "/info")["LoggingDriver"] == "local"
        assert logged(daemon, "plain") == LINES
        run(daemon, "other", "--log-driver", "json-file")
        config = daemon.json("GET", "/containers/other/json")["HostConfig"]["LogConfig"]
        assert config == {"Type": "json-file", "Config": {}}


def test_follower_sees_each_line_once_over_a_hundred_rotations(daemon: Daemon) -> None:
    """With compression, which takes the rotated files away under the reader."""
    count = 30_000
    options = ("--log-opt", "max-size=20k", "--log-opt", "max-file=3", "--log-opt", "compress=true")
    script = f"seq 1 {count}; sleep 0.5"
    daemon.docker(
        *("run", "-d", "--name", "turning", "--net", "none", *options),
        *("busybox", "sh", "-c", f"sleep 1; {script}"),
        check=True,
    )
    done = daemon.docker("logs", "-f", "turning", check=True)
    got = done.stdout.decode().split()
    assert got == [str(number) for number in range(1, count + 1)]
    path = Path(daemon.json("GET", "/containers/turning/json")["LogPath"])
    kept = sorted(each.name.removeprefix(path.name) for each in path.parent.glob(f"{path.name}*"))
    assert kept == ["", ".1.gz", ".2.gz"]
    # As many as a hundred files of this size have been filled.
    record = len(gzip.decompress(path.with_name(f"{path.name}.1.gz").read_bytes()).splitlines()[0])
    assert count * record > 100 * 20_000
    left = logged(daemon, "turning")
    assert left == got[-len(left) :]
    daemon.docker("rm", "turning", check=True)


def test_records_say_what_the_options_ask_for(daemon: Daemon) -> None:
    options = ("labels=app", "env-regex=^STAGE", "tag={{.Name}}/{{upper .ImageName}}")
    words = [f"--log-opt={each}" for each in options]
    run(daemon, "told", "--label", "app=shop", "-e", "STAGE=prod", *words, script="echo hello")
    assert logged(daemon, "told", "--details") == ["STAGE=prod,app=shop,tag=told%2FBUSYBOX hello"]
    path = Path(daemon.json("GET", "/containers/told/json")["LogPath"])
    assert json.loads(path.read_text())["attrs"]["tag"] == "told/BUSYBOX"
    daemon.docker("rm", "told", check=True)
