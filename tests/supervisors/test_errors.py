from __future__ import annotations

from supervisors import IntensityExceeded, Refusal
from supervisors.errors import describe


def test_a_group_of_one_is_told_as_the_one() -> None:
    assert (
        describe(ExceptionGroup("g", [ExceptionGroup("h", [ValueError("x")])])) == "ValueError: x"
    )
    assert describe(ExceptionGroup("g", [ValueError(), KeyError()])).startswith("ExceptionGroup: g")


def test_giving_up_names_the_supervisor_and_the_last_error() -> None:
    error = IntensityExceeded("root/net", ValueError("x"))
    assert (error.supervisor, str(error.last_error)) == ("root/net", "x")
    assert "root/net" in str(error)
    assert "ValueError: x" in str(error)
    assert not isinstance(error, Refusal)
