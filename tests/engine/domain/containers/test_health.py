from __future__ import annotations

import pytest

from engine.domain.containers.health import SECOND, Checkup, Probe, probe_of
from engine.domain.containers.probing import Outcome
from engine.models.containers import ContainerConfig, HealthcheckConfig

PROBE = Probe(("true",), retries=2, start_period=10)


def outcome(code: int, at: float = 60) -> Outcome:
    return Outcome(int(at * SECOND), int((at + 1) * SECOND), code, "said")


def config(*test: str, **times: int) -> ContainerConfig:
    return ContainerConfig(healthcheck=HealthcheckConfig(test=list(test), **times))


def test_probe_is_a_command_or_a_line_for_the_shell() -> None:
    found = probe_of(config("CMD", "a", "b"))
    assert found is not None
    assert (found.argv, found.interval, found.timeout, found.retries) == (("a", "b"), 30, 30, 3)
    found = probe_of(config("CMD-SHELL", "a b", interval=SECOND // 2, retries=7))
    assert found is not None
    assert (found.argv, found.interval, found.retries) == (("/bin/sh", "-c", "a b"), 0.5, 7)


@pytest.mark.parametrize("test", [(), ("NONE",)])
def test_without_a_check_there_is_no_probe(test: tuple[str, ...]) -> None:
    assert probe_of(config(*test)) is None
    assert probe_of(ContainerConfig()) is None


def test_status_turns_after_as_many_failures_as_allowed_and_back_at_once() -> None:
    checkup = Checkup()
    assert not checkup.take(outcome(1), PROBE, 60)
    assert (checkup.status, checkup.streak) == ("starting", 1)
    assert checkup.take(outcome(1), PROBE, 60)
    assert (checkup.status, checkup.streak) == ("unhealthy", 2)
    assert not checkup.take(outcome(-1), PROBE, 60)
    assert checkup.take(outcome(0), PROBE, 60)
    assert (checkup.status, checkup.streak) == ("healthy", 0)


def test_failures_of_the_start_period_do_not_count_and_a_success_ends_it() -> None:
    checkup = Checkup()
    for _ in range(5):
        assert not checkup.take(outcome(1), PROBE, 9)
    assert (checkup.status, checkup.streak) == ("starting", 0)
    assert checkup.take(outcome(0), PROBE, 9)
    assert not checkup.take(outcome(1), PROBE, 9.5)
    assert checkup.streak == 1


def test_log_keeps_the_last_five() -> None:
    checkup = Checkup()
    for code in range(7):
        checkup.take(outcome(code), PROBE, 60)
    log = checkup.view().log
    assert log is not None
    assert [each.exit_code for each in log] == [2, 3, 4, 5, 6]
    assert (log[0].output, log[0].start) == ("said", "1970-01-01T00:01:00Z")
