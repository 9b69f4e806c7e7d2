"""Image references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.names.references import (
    Reference,
    check_digest,
    familiar,
    familiar_name,
    parse_any,
    parse_normalized,
)
from engine.errors import InvalidParameter

HEX = "a" * 64
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "reference", "short"),
    [
        ("busybox", Reference("docker.io", "library/busybox"), "busybox"),
        ("busybox:1.36", Reference("docker.io", "library/busybox", "1.36"), "busybox:1.36"),
        ("user/app", Reference("docker.io", "user/app"), "user/app"),
        ("a/b/c", Reference("docker.io", "a/b/c"), "a/b/c"),
        ("docker.io/busybox", Reference("docker.io", "library/busybox"), "busybox"),
        ("index.docker.io/library/busybox", Reference("docker.io", "library/busybox"), "busybox"),
        ("docker.io/a.b/c", Reference("docker.io", "a.b/c"), "docker.io/a.b/c"),
        ("docker.io/library/a/b", Reference("docker.io", "library/a/b"), "library/a/b"),
        ("library/busybox", Reference("docker.io", "library/busybox"), "busybox"),
        ("localhost/x", Reference("localhost", "x"), "localhost/x"),
        ("localhost:5000/x:y", Reference("localhost:5000", "x", "y"), "localhost:5000/x:y"),
        ("host:5000", Reference("docker.io", "library/host", "5000"), "host:5000"),
        ("host:5000/x/y", Reference("host:5000", "x/y"), "host:5000/x/y"),
        ("A.com/x", Reference("A.com", "x"), "A.com/x"),
        ("Foo/x", Reference("Foo", "x"), "Foo/x"),
        ("LOCALHOST/x", Reference("LOCALHOST", "x"), "LOCALHOST/x"),
        ("[::1]:5000/x", Reference("[::1]:5000", "x"), "[::1]:5000/x"),
        ("a_b", Reference("docker.io", "library/a_b"), "a_b"),
        ("a__b.c---d", Reference("docker.io", "library/a__b.c---d"), "a__b.c---d"),
        ("docker.io", Reference("docker.io", "library/docker.io"), "docker.io"),
        (f"x@{DIGEST}", Reference("docker.io", "library/x", None, DIGEST), f"x@{DIGEST}"),
        (f"x:t@{DIGEST}", Reference("docker.io", "library/x", "t", DIGEST), f"x:t@{DIGEST}"),
        (f"{HEX}:t", Reference("docker.io", f"library/{HEX}", "t"), f"{HEX}:t"),
        (f"h/{HEX}", Reference("docker.io", f"h/{HEX}"), f"h/{HEX}"),
        ("x:" + "a" * 128, Reference("docker.io", "library/x", "a" * 128), "x:" + "a" * 128),
    ],
)  # fmt: skip
def test_short_forms_are_normalised_and_shortened_again(
    text: str, reference: Reference, short: str
) -> None:
    assert parse_normalized(text) == reference
    assert familiar(reference) == short


@pytest.mark.parametrize(
    "text",
    ["", "a//b", "a:b:c", "-a", "a-", "a@sha256:1", "a___b", "a..b", "x:" + "a" * 129, "x:-a", "x:", "x@", "h:port/x",
     "a/", "/a", "a b", "a\n", "ä", "h.com/", "-h.com/x", "h.com-/x", "[::1/x", "https://h/x", "x@@y"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_normalized(text)
    assert str(caught.value) == "invalid reference format"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase"),
        ("a/B:t", "invalid reference format: repository name (a/B) must be lowercase"),
        ("h.com/B", "invalid reference format: repository name (B) must be lowercase"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a/" * 128 + "b", "repository name must not be more than 255 characters"),
        (f"x@md5:{HEX}", "unsupported digest algorithm"),
        (f"x@sha512:{HEX}", "invalid checksum digest length"),
        (f"x@sha256:{HEX.upper()}", "invalid checksum digest format"),
    ],
)
def test_refusals_with_a_text_of_their_own(text: str, error: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_normalized(text)
    assert str(caught.value) == error


def test_length_limit_is_that_of_the_path() -> None:
    assert len(parse_normalized("a/" * 127 + "b").path) == 255
    assert parse_normalized("h.example:5000/" + "a/" * 127 + "b").domain == "h.example:5000"


def test_any_reference_may_be_an_images_id() -> None:
    assert parse_any(HEX) == parse_any(DIGEST) == DIGEST
    assert parse_any("x") == Reference("docker.io", "library/x")
    assert parse_any("sha256:abc") == Reference("docker.io", "library/sha256", "abc")


def test_parts_are_exchanged() -> None:
    plain = parse_normalized("h:1/x")
    assert str(plain.with_default_tag()) == "h:1/x:latest"
    assert str(plain.with_tag("t").with_digest(DIGEST)) == f"h:1/x@{DIGEST}"
    assert plain.with_tag("t").with_default_tag().tag == "t"
    assert plain.with_digest(DIGEST).with_default_tag().tag is None
    assert familiar_name(parse_normalized("x:t")) == "x"
    with pytest.raises(InvalidParameter, match="invalid tag format"):
        plain.with_tag("-")


def test_digest_needs_its_algorithm() -> None:
    assert check_digest(DIGEST) == DIGEST
    with pytest.raises(InvalidParameter, match="invalid checksum digest format"):
        check_digest(HEX)


PART = st.from_regex(r"[a-z0-9]{1,5}((__|[._]|-{1,2})[a-z0-9]{1,5})?", fullmatch=True)


@given(
    st.sampled_from(["", "docker.io/", "localhost/", "h.com/", "h:1/", "Up/"]),
    st.lists(PART, min_size=1, max_size=3),
    st.sampled_from(["", ":t", f"@{DIGEST}", f":t@{DIGEST}"]),
)
def test_canonical_and_short_form_mean_the_same(host: str, parts: list[str], end: str) -> None:
    reference = parse_normalized(host + "/".join(parts) + end)
    assert parse_normalized(str(reference)) == reference
    assert parse_normalized(familiar(reference)) == reference
