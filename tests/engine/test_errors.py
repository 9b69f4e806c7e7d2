from __future__ import annotations

import pytest

from engine.errors import Conflict, EngineError, NotFound, prefixed
from supervisors import Refusal


def test_error_is_its_text_and_spares_the_service() -> None:
    error = NotFound("No such container: x")
    assert (str(error), error.message) == ("No such container: x", "No such container: x")
    assert isinstance(error, Refusal)


def test_words_are_put_before_the_text_and_the_kind_stays() -> None:
    with pytest.raises(Conflict) as refusal, prefixed("Cannot kill container: "):
        raise Conflict("not running")
    assert str(refusal.value) == "Cannot kill container: not running"
    assert isinstance(refusal.value.__cause__, Conflict)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ValueError, match=r"^bug$"), prefixed("Cannot: "):
        raise ValueError("bug")
    with prefixed("Cannot: "):
        pass


def test_kinds_are_told_apart() -> None:
    kinds = EngineError.__subclasses__()
    assert len({each.__name__ for each in kinds}) == len(kinds) >= 10
