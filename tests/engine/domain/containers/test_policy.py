from __future__ import annotations

import pytest

from engine.domain.containers import policy
from engine.domain.containers.records import Container, State, Status
from engine.models.containers import HostConfig, RestartPolicy
from tests.engine.domain.containers.containers import container


def under(name: str, maximum: int = 0, *, auto_remove: bool = False, **state: object) -> Container:
    host = HostConfig(
        restart_policy=RestartPolicy(name=name, maximum_retry_count=maximum),
        auto_remove=auto_remove,
    )
    return container(host=host, state=State(**state))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "code", "again"),
    [
        ("", 1, False),
        ("no", 1, False),
        ("always", 0, True),
        ("unless-stopped", 0, True),
        ("on-failure", 0, False),
        ("on-failure", 1, True),
    ],
)
def test_policy_decides_by_the_exit_code(name: str, code: int, again: bool) -> None:
    assert policy.follows(under(name), code) is again


def test_on_failure_ends_with_its_count() -> None:
    assert policy.follows(under("on-failure", 2, restart_count=1), 1)
    assert not policy.follows(under("on-failure", 2, restart_count=2), 1)


@pytest.mark.parametrize(
    ("name", "stopped", "again"),
    [
        ("always", True, True),
        ("unless-stopped", True, False),
        ("unless-stopped", False, True),
        ("on-failure", False, True),
        ("no", False, False),
    ],
)
def test_boot_forgives_a_manual_stop_under_always_alone(
    name: str, stopped: bool, again: bool
) -> None:
    ended = under(name, status=Status.EXITED, generation=1, exit_code=1, manually_stopped=stopped)
    assert policy.follows_boot(ended) is again


def test_boot_starts_what_waited_for_its_restart_and_nothing_that_never_ran() -> None:
    assert policy.follows_boot(under("no", status=Status.RESTARTING))
    assert not policy.follows_boot(under("always", status=Status.CREATED))
    assert not policy.follows_boot(under("always", status=Status.EXITED, generation=0))
    assert not policy.follows_boot(under("always", status=Status.RUNNING, generation=1))


def test_delay_doubles_up_to_a_minute_and_starts_anew_after_a_healthy_run() -> None:
    delays, state = [], State()
    for _ in range(12):
        delay = policy.next_delay_ms(state, ran_ns=1)
        delays.append(delay)
        state = State(backoff_ms=delay)
    assert delays == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]
    assert policy.next_delay_ms(state, ran_ns=policy.HEALTHY_RUN_NS) == 100


@pytest.mark.parametrize(
    ("status", "error", "spent"),
    [
        (Status.EXITED, "", True),
        (Status.CREATED, "no such file", True),
        (Status.CREATED, "", False),
        (Status.RUNNING, "", False),
        (Status.RESTARTING, "", False),
    ],
)
def test_auto_remove_comes_due_with_the_run_or_its_failed_start(
    status: Status, error: str, spent: bool
) -> None:
    assert policy.is_spent(under("", auto_remove=True, status=status, error=error)) is spent
    assert not policy.is_spent(under("", status=status, error=error))
