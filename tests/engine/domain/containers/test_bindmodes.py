from __future__ import annotations

import pytest

from engine.domain.containers.bindmodes import Mode, parse_mode, valid_mode
from engine.errors import InvalidParameter


@pytest.mark.parametrize("text", ["", "ro", "rw,z", "rslave,ro", "nocopy", "cached", "Z,ro,shared"])
def test_valid_modes(text: str) -> None:
    assert valid_mode(text)


@pytest.mark.parametrize("text", ["foo", "ro,rw", "z,Z", "shared,slave", "ro,", "nocopy,nocopy"])
def test_two_of_a_group_and_unknown_words_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_mode(text)
    assert str(caught.value) == f"invalid mode: {text}"


def test_mode_says_what_it_means() -> None:
    assert parse_mode("ro,rslave,z") == Mode(read_only=True, propagation="rslave", label="z")
    assert parse_mode("nocopy") == Mode(no_copy=True)
