from __future__ import annotations

from engine.domain.builds.arguments import Arguments


def test_what_is_given_wins_over_the_default_and_the_environment_over_both() -> None:
    arguments = Arguments({"a": "given", "b": None})
    for name in ("a", "b", "c", "d"):
        arguments.add(name, "default")
    assert arguments.allowed(["c=env"]) == ["a=given", "b=default", "d=default"]


def test_an_argument_without_a_default_takes_that_of_before_the_first_from() -> None:
    arguments = Arguments({})
    arguments.add_meta("v", "1")
    stage = arguments.stage()
    assert stage.allowed([]) == []
    stage.add("v", None)
    assert stage.allowed([]) == ["v=1"]
    assert arguments.meta() == {"v": "1"}


def test_proxies_are_allowed_and_not_shown_unless_declared() -> None:
    arguments = Arguments({"HTTP_PROXY": "p"})
    assert arguments.allowed([]) == ["HTTP_PROXY=p"]
    assert arguments.shown(arguments.allowed([])) == []
    arguments.add("HTTP_PROXY", None)
    assert arguments.shown(arguments.allowed([])) == ["HTTP_PROXY=p"]


def test_unused_are_those_that_no_stage_asked_for() -> None:
    arguments = Arguments({"a": "1", "b": "2", "c": "3", "no_proxy": "x"})
    arguments.add_meta("b", None)
    arguments.stage().add("a", None)
    assert arguments.unused() == ["c"]
