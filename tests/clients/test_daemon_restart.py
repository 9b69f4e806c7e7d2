"""Killing the daemon under its containers and starting it again, with and without live restore."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.harness.daemon import Daemon, running_daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def run(daemon: Daemon, name: str, *arguments: str) -> None:
    """`docker run -d`; what comes after "--" is the command."""
    cut = arguments.index("--")
    options, command = arguments[:cut], arguments[cut + 1 :]
    daemon.docker("run", "-d", "--name", name, *options, "busybox", *command, check=True)


def inspect(daemon: Daemon, name: str, template: str) -> str:
    done = daemon.docker("inspect", "-f", template, name, check=True, timeout=30)
    return done.stdout.decode().strip()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


@contextmanager
def attached(daemon: Daemon, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """`docker attach` with pipes, ended afterwards: as with dockerd it stays when its input ends."""
    command = ["docker", "-H", daemon.host, "attach", "--sig-proxy=false", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        try:
            yield client
        finally:
            client.kill()


COUNT = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"
SERVE = "echo hi >/var/www/index.html; exec httpd -f -p 80 -h /var/www"


def test_containers_do_not_notice_a_kill_with_live_restore() -> None:
    with running_daemon("--live-restore") as daemon:
        run(daemon, "counter", "--net", "none", "--", "sh", "-c", COUNT)
        run(daemon, "brief", "--net", "none", "--", "sh", "-c", "sleep 1; echo bye; exit 6")
        run(daemon, "web", "-p", "18082:80", "--", "sh", "-c", SERVE)
        run(daemon, "echo", "-i", "--net", "none", "--", "cat")
        before = [inspect(daemon, name, "{{.State.Pid}}") for name in ("counter", "web", "echo")]
        daemon.kill()
        time.sleep(1.5)  # the brief one ends while nobody looks
        daemon.start()
        after = [inspect(daemon, name, "{{.State.Pid}}") for name in ("counter", "web", "echo")]
        assert after == before
        assert inspect(daemon, "brief", "{{.State.Status}} {{.State.ExitCode}}") == "exited 6"
        assert daemon.docker("logs", "brief", check=True).stdout == b"bye\n"
        page = daemon.inside(
            "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:18082/", capture_output=True
        )
        assert page.stdout == "hi\n"
        assert daemon.docker("exec", "counter", "echo", "yes", check=True).stdout == b"yes\n"
        with attached(daemon, "echo") as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(b"hello\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"hello\n"
        lines = daemon.docker("logs", "counter", check=True).stdout.splitlines()
        assert lines == [b"line %d" % number for number in range(1, len(lines) + 1)]
        assert len(lines) > 100
        daemon.docker("rm", "-f", "counter", "brief", "web", "echo", check=True)


def test_without_live_restore_survivors_are_stopped_and_policies_rule() -> None:
    with running_daemon() as daemon:
        loop = ("--", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
        run(daemon, "plain", "--net", "none", *loop)
        run(daemon, "always", "--restart", "always", "-p", "18083:80", *loop)
        run(daemon, "stopped", "--restart", "unless-stopped", "--net", "none", *loop)
        run(daemon, "gone", "--rm", "--net", "none", *loop)
        daemon.docker(
            "create", "--name", "new", "--restart", "always", "--net", "none", "busybox", check=True
        )
        daemon.docker("stop", "stopped", check=True)
        pid = inspect(daemon, "always", "{{.State.Pid}}")
        for end in (daemon.kill, daemon.stop):
            end()
            daemon.start()
            until(lambda: inspect(daemon, "always", "{{.State.Running}}") == "true")
            until(lambda: inspect(daemon, "plain", "{{.State.Status}}") == "exited")
            assert inspect(daemon, "stopped", "{{.State.Status}}") == "exited"
            assert inspect(daemon, "new", "{{.State.Status}}") == "created"
            until(lambda: daemon.request("GET", "/containers/gone/json")[0] == 404)
        until(lambda: inspect(daemon, "always", "{{.State.Pid}}") not in ("0", pid))
        daemon.docker("rm", "-f", "plain", "always", "stopped", "new", check=True)


def test_on_failure_restarts_as_often_as_it_may(daemon: Daemon) -> None:
    run(daemon, "failing", "--restart", "on-failure:2", "--net", "none", "--", "sh", "-c", "exit 3")
    until(lambda: inspect(daemon, "failing", "{{.State.Status}} {{.RestartCount}}") == "exited 2")
    assert inspect(daemon, "failing", "{{.State.ExitCode}}") == "3"
    daemon.docker("rm", "failing", check=True)


def test_a_start_that_fails_ends_the_client_and_its_auto_removed_container(daemon: Daemon) -> None:
    done = daemon.docker("run", "--rm", "--net", "none", "busybox", "nosuch", timeout=30)
    assert done.returncode == 127
    assert b'exec: "nosuch": executable file not found in $PATH' in done.stderr
    assert daemon.json("GET", "/containers/json?all=1") == []
