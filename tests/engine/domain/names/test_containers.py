"""Names of containers."""

from __future__ import annotations

import pytest

from engine.domain.names.containers import check_name, in_use
from engine.errors import Conflict, InvalidParameter


@pytest.mark.parametrize("name", ["web", "/web", "0a", "a.b-c_d", "A" * 300])
def test_good_name_is_stored_with_its_slash(name: str) -> None:
    assert check_name(name) == "/" + name.removeprefix("/")


@pytest.mark.parametrize(
    "name", ["", "/", "a", "/a", "-ab", ".ab", "a/b", "//ab", "a b", "ab\n", "äb", "aé"]
)
def test_bad_name_is_refused_with_dockerds_text(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_name(name)
    expected = f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    assert str(caught.value) == expected


def test_conflict_has_the_text_that_clients_match() -> None:
    error = in_use("web", "abc")
    assert isinstance(error, Conflict)
    assert str(error) == (
        'Conflict. The container name "/web" is already in use by container "abc". You have to '
        "remove (or rename) that container to be able to reuse that name."
    )
