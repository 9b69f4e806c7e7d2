from __future__ import annotations

import pytest

from engine.domain.images.naming import (
    display_name,
    is_id_prefix,
    key_of,
    parse_key,
    target_reference,
    untagged_key,
)
from engine.domain.names.references import Reference, familiar, parse_any
from engine.errors import InvalidParameter

HEX = "88d0" * 16


def test_whole_ids_are_told_from_references() -> None:
    assert parse_any(HEX) == parse_any(f"sha256:{HEX}") == f"sha256:{HEX}"
    assert isinstance(parse_any("88d0"), Reference)


def test_key_is_the_normalised_reference() -> None:
    for name, key in [
        ("busybox", "docker.io/library/busybox:latest"),
        ("a/b:c", "docker.io/a/b:c"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        (f"a:tag@sha256:{HEX}", f"docker.io/library/a@sha256:{HEX}"),
    ]:
        reference = parse_any(name)
        assert isinstance(reference, Reference)
        assert key_of(reference) == key
        parsed = parse_key(key)
        assert parsed is not None
        assert key_of(parsed) == key


def test_untagged_key_is_no_reference() -> None:
    assert parse_key(untagged_key("Engine", f"sha256:{HEX}")) is None


def test_display_name_has_the_tag_that_was_meant() -> None:
    assert display_name("busybox") == "busybox:latest"
    assert display_name("sha256:abcd") == "sha256:abcd"
    assert display_name(HEX) == f"sha256:{HEX}"


def test_id_prefix_may_have_its_algorithm() -> None:
    assert is_id_prefix(f"sha256:{HEX}", "88d0")
    assert is_id_prefix(f"sha256:{HEX}", "sha256:88")
    assert not is_id_prefix(f"sha256:{HEX}", "busybox")


@pytest.mark.parametrize(
    ("repo", "tag", "name"),
    [("a", "b", "a:b"), ("a", "", "a:latest"), ("a:x", "b", "a:b"), ("a:x", "", "a:x")],
)
def test_target_takes_the_tag_given(repo: str, tag: str, name: str) -> None:
    assert familiar(target_reference(repo, tag)) == name


@pytest.mark.parametrize(
    ("repo", "tag", "text"),
    [
        ("", "b", "invalid reference format"),
        ("a", "b:b", "invalid tag format"),
        (f"a@sha256:{HEX}", "", "refusing to create a tag with a digest reference"),
        ("sha256", "1", "refusing to create an ambiguous tag using digest algorithm as name"),
        (HEX, "", f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_bad_target_is_refused_in_dockerds_words(repo: str, tag: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        target_reference(repo, tag)
    assert str(refused.value) == text
