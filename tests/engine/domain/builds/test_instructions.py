from __future__ import annotations

import pytest

from engine.domain.builds.dockerfile import parse
from engine.domain.builds.instructions import Copy, Pairs, Words, read_plan
from engine.errors import InvalidParameter


def test_plan_has_stages_and_what_stands_before_them() -> None:
    plan = read_plan(parse(b"ARG a=1\nFROM x AS One\nENV a=b c=d\nFROM y\n"))
    assert plan.meta[0].arguments == (("a", "1"),)
    assert [each.name for each in plan.stages] == ["one", "1"]
    assert plan.stages[0].steps == [
        Pairs(name="ENV", source="ENV a=b c=d", number=3, pairs=(("a", "b"), ("c", "d")))
    ]


def test_copy_has_its_flags() -> None:
    (step,) = read_plan(parse(b"FROM x\nCOPY --from=a --chown=b c d e\n")).stages[0].steps
    assert isinstance(step, Copy)
    assert (step.sources, step.target, step.origin, step.chown) == (("c", "d"), "e", "a", "b")


def test_onbuild_keeps_its_trigger_as_it_was_written() -> None:
    (step,) = read_plan(parse(b"FROM x\nonbuild  run  a  b\n")).stages[0].steps
    assert isinstance(step, Words)
    assert step.words == ("run  a  b",)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("FROM a b", "line 2: FROM requires either one or three arguments"),
        ("FROM a AS 1", 'invalid name for build stage: "1"'),
        ("FOO", "line 2: unknown instruction: FOO"),
        ("COPY a", "COPY requires at least two arguments"),
        ("COPY --foo=1 a b", "Unknown flag: foo"),
        ("COPY --chown a b", "Missing a value on flag: chown"),
        ("COPY --chown=1 --chown=1 a b", "Duplicate flag specified: chown"),
        ("ADD --from=a b c", "Unknown flag: from"),
        ("SHELL a", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("ENV =b", "ENV names can not be blank"),
        ("ENV", "ENV requires at least one argument"),
        ("ARG =b", "ARG names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("USER", "USER requires exactly one argument"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ('VOLUME [" "]', "VOLUME specified can not be an empty string"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(line: str, error: str) -> None:
    with pytest.raises(InvalidParameter, match=error):
        read_plan(parse(f"FROM x\n{line}\n".encode()))


def test_nothing_stands_before_the_first_from() -> None:
    with pytest.raises(InvalidParameter, match="no build stage in current context"):
        read_plan(parse(b"RUN x\n"))
