from __future__ import annotations

from engine.domain.plugins.breaker import LAST, Breaker


def test_one_failure_opens_it_and_a_success_closes_it() -> None:
    breaker = Breaker()
    assert not breaker.open
    breaker.failed("gone", 10.0)
    assert (breaker.open, breaker.reason, breaker.opened) == (True, "gone", 10.0)
    breaker.worked()
    assert breaker == Breaker()


def test_tries_are_ever_rarer_up_to_a_limit() -> None:
    breaker = Breaker()
    pauses = []
    for now in range(5):
        breaker.failed("gone", float(now))
        pauses.append(breaker.next_try - now)
    assert pauses == [1.0, 2.0, 4.0, LAST, LAST]
    assert breaker.opened == 0.0


def test_closed_one_is_never_due() -> None:
    breaker = Breaker()
    assert not breaker.due(1e9)
    breaker.failed("gone", 10.0)
    assert not breaker.due(10.5)
    assert breaker.due(11.0)
