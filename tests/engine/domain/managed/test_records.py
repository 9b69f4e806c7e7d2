from __future__ import annotations

import pytest

from engine.domain.managed.records import familiar_name
from engine.errors import InvalidParameter


def test_names_are_familiar_and_have_a_tag() -> None:
    assert familiar_name("me/mini") == "me/mini:latest"
    assert familiar_name("localhost:5000/mini:1") == "localhost:5000/mini:1"


@pytest.mark.parametrize("name", ["", "UPPER", "a@sha256:" + 64 * "0"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter):
        familiar_name(name)
