"""Health checks that do something, and health checks that outlive the daemon."""

from __future__ import annotations

import json

import pytest

from tests.clients.test_daemon_restart import inspect, until
from tests.harness.daemon import Daemon, running_daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]

CHECK = ("--health-interval", "200ms", "--health-retries", "1", "--net", "none")
PATIENT = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def sick(daemon: Daemon, name: str, *options: str) -> None:
    arguments = ("run", "-d", "--name", name, *CHECK, "--health-cmd", "false", *options)
    daemon.docker(*arguments, "busybox", "sh", "-c", PATIENT, check=True)


def deaths(daemon: Daemon, name: str) -> list[dict[str, str]]:
    done = daemon.docker(
        *("events", "--since", "1h", "--until", "0s", "--filter", f"container={name}"),
        *("--filter", "event=die", "--format", "{{json .Actor.Attributes}}"),
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_unhealthy_container_is_restarted_as_often_as_its_label_says(daemon: Daemon) -> None:
    sick(daemon, "again", "--label", "trimaran.on-unhealthy=restart:2")
    until(lambda: len(deaths(daemon, "again")) == 2, 15)
    until(lambda: inspect(daemon, "again", "{{.State.Health.Status}}") == "unhealthy")
    assert inspect(daemon, "again", "{{.RestartCount}} {{.State.Running}}") == "2 true"
    assert {each["reason"] for each in deaths(daemon, "again")} == {"unhealthy"}
    daemon.docker("rm", "-f", "again", check=True)


@pytest.mark.parametrize(("action", "code"), [("stop", "0"), ("kill", "137")])
def test_unhealthy_container_is_ended(daemon: Daemon, action: str, code: str) -> None:
    name = f"ended-by-{action}"
    sick(daemon, name, "--label", f"trimaran.on-unhealthy={action}", "--restart", "always")
    until(lambda: inspect(daemon, name, "{{.State.Status}}") == "exited", 15)
    assert inspect(daemon, name, "{{.State.ExitCode}} {{.RestartCount}}") == f"{code} 0"
    assert [each["reason"] for each in deaths(daemon, name)] == ["unhealthy"]
    daemon.docker("rm", name, check=True)


def test_without_the_label_nothing_happens_and_a_bad_one_is_refused(daemon: Daemon) -> None:
    sick(daemon, "left")
    until(lambda: inspect(daemon, "left", "{{.State.Health.Status}}") == "unhealthy")
    assert inspect(daemon, "left", "{{.State.Running}}") == "true"
    daemon.docker("rm", "-f", "left", check=True)
    done = daemon.docker("create", "--label", "trimaran.on-unhealthy=panic", "busybox")
    assert b"invalid label trimaran.on-unhealthy=panic" in done.stderr


def test_checks_go_on_after_a_kill_of_the_daemon() -> None:
    with running_daemon("--live-restore") as daemon:
        daemon.docker(
            *("run", "-d", "--name", "watched", *CHECK, "--health-cmd", "test ! -e /sick"),
            *("busybox", "sh", "-c", PATIENT),
            check=True,
        )
        until(lambda: inspect(daemon, "watched", "{{.State.Health.Status}}") == "healthy")
        daemon.kill()
        daemon.start()
        assert inspect(daemon, "watched", "{{.State.Health.Status}}") == "healthy"
        daemon.docker("exec", "watched", "touch", "/sick", check=True)
        until(lambda: inspect(daemon, "watched", "{{.State.Health.Status}}") == "unhealthy")
        daemon.docker("rm", "-f", "watched", check=True)
