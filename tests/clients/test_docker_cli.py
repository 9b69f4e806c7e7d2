"""The unmodified docker CLI on a daemon of its own: containers run, speak, fail and go as on dockerd."""

from __future__ import annotations

import hashlib
import json
import os
import time

import pytest

from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def test_run_gives_output_and_exit_code(daemon: Daemon) -> None:
    done = daemon.docker(
        "run", "--rm", "--net", "none", "busybox", "sh", "-c", "echo out; exit 7", timeout=30
    )
    assert (done.returncode, done.stdout) == (7, b"out\n"), done.stderr


def test_log_is_complete_after_the_exit(daemon: Daemon) -> None:
    daemon.docker(
        "run", "--name", "logged", "--net", "none", "busybox", "seq", "1000", check=True, timeout=30
    )
    logged = daemon.docker("logs", "logged", check=True, timeout=30).stdout
    assert logged == b"".join(b"%d\n" % number for number in range(1, 1001))
    daemon.docker("rm", "logged", check=True, timeout=30)
    assert daemon.request("GET", "/containers/logged/json")[0] == 404


def test_missing_image_is_the_404_that_makes_the_cli_pull(daemon: Daemon) -> None:
    status, body = daemon.request(
        "POST", "/containers/create", {"Image": "nosuch", "Cmd": ["true"]}
    )
    assert (status, body) == (404, b'{"message":"No such image: nosuch:latest"}\n')


def test_megabytes_pass_through_stdin_and_back_unchanged(daemon: Daemon) -> None:
    sent = os.urandom(8 << 20)
    done = daemon.docker(
        "run", "--rm", "-i", "--net", "none", "busybox", "cat", input=sent, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(sent).digest()


def test_status_shows_every_service_running(daemon: Daemon) -> None:
    tree = daemon.json("GET", "/_trimaran/status")
    assert tree["state"] == "running"
    assert {"store", "events", "runtime", "network", "images", "containers", "api"} <= {
        child["name"] for child in tree["children"] if child["state"] == "running"
    }


def test_events_since_0_begin_with_the_first(daemon: Daemon) -> None:
    path = f"/events?since=0&until={time.time():.9f}"
    first = json.loads(daemon.request("GET", path)[1].splitlines()[0])
    assert (first["Type"], first["Action"]) == ("image", "tag")


def test_exec_speaks_in_a_running_container_that_rm_force_ends(daemon: Daemon) -> None:
    daemon.docker(
        "run",
        "-d",
        "--name",
        "long",
        "--net",
        "none",
        "busybox",
        "sleep",
        "60",
        check=True,
        timeout=30,
    )
    done = daemon.docker("exec", "long", "sh", "-c", "echo hello; exit 4", timeout=30)
    assert (done.returncode, done.stdout) == (4, b"hello\n"), done.stderr
    daemon.docker("rm", "-f", "long", check=True, timeout=30)
    assert daemon.request("GET", "/containers/long/json")[0] == 404


def test_default_network_gives_an_address(daemon: Daemon) -> None:
    done = daemon.docker(
        "run", "--rm", "busybox", "ip", "addr", "show", "eth0", check=True, timeout=30
    )
    assert b"inet 172." in done.stdout
    assert done.stderr == b""


def test_events_are_replayed_by_number(daemon: Daemon) -> None:
    daemon.docker(
        "run", "--rm", "--name", "seen", "--net", "none", "busybox", "true", check=True, timeout=30
    )
    asked = ("events", "--since", "1h", "--until", "0s", "--filter", "container=seen")
    done = daemon.docker(*asked, "--format", "{{.Action}}", timeout=30)
    actions = [each for each in done.stdout.decode().split() if each != "attach"]
    assert actions == ["create", "start", "die", "destroy"], done.stderr
