from __future__ import annotations

from engine.adapters.registry.challenges import Challenge, choose, parse_challenges


def test_bearer_challenge_keeps_the_commas_of_its_scope() -> None:
    header = 'Bearer realm="https://a.test/token",service="r",scope="repository:x/y:pull,push"'
    assert parse_challenges([header]) == [
        Challenge(
            "bearer",
            {"realm": "https://a.test/token", "service": "r", "scope": "repository:x/y:pull,push"},
        )
    ]


def test_several_challenges_in_one_header_are_told_apart() -> None:
    found = parse_challenges(['Basic realm="a \\"b\\"", Bearer realm=plain, error="x"'])
    assert found == [
        Challenge("basic", {"realm": 'a "b"'}),
        Challenge("bearer", {"realm": "plain", "error": "x"}),
    ]
    assert choose(found) == found[1]


def test_unknown_schemes_are_passed_over() -> None:
    assert choose(parse_challenges(["Negotiate", 'Basic realm="r"'])) == Challenge("basic", {"realm": "r"})  # fmt: skip
    assert choose(parse_challenges(["Negotiate"])) is None
    assert choose(parse_challenges(['="nonsense'])) is None
