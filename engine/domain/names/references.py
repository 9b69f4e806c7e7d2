"""The grammar of image references: `[host[:port]/]path[:tag][@digest]`, and docker's short forms.

As in distribution's `reference` package, version 0.6, with its texts.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from engine.errors import InvalidParameter

DEFAULT_DOMAIN: Final = "docker.io"
LEGACY_DOMAIN: Final = "index.docker.io"
OFFICIAL: Final = "library/"
DEFAULT_TAG: Final = "latest"
NAME_LIMIT: Final = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    rf"(?P<domain>{_HOST})/(?P<path>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_DIGEST_ONLY = re.compile(_DIGEST)
_TAG_ONLY = re.compile(_TAG)
_HEX = re.compile(r"[a-f0-9]{64}")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class Reference(msgspec.Struct, frozen=True):
    """A normalised reference; `str()` is its canonical form, the key in containerd's image store."""

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """`docker.io/library/busybox`"""
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        return self.name + _suffix(self)

    def with_default_tag(self) -> Reference:
        """The same with the tag `latest`, if it has neither tag nor digest."""
        if self.tag is not None or self.digest is not None:
            return self
        return msgspec.structs.replace(self, tag=DEFAULT_TAG)

    def with_tag(self, tag: str) -> Reference:
        """The same name with a tag and no digest."""
        if not _TAG_ONLY.fullmatch(tag):
            raise InvalidParameter("invalid tag format")
        return Reference(self.domain, self.path, tag)

    def with_digest(self, digest: str) -> Reference:
        """The same name with a digest and no tag."""
        return Reference(self.domain, self.path, None, check_digest(digest))


def parse_normalized(text: str) -> Reference:
    """Read a reference as people write it: `busybox`, `user/app:1`, `host:5000/app@sha256:...`."""
    if _HEX.fullmatch(text):
        raise InvalidParameter(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    domain, rest = _split_domain(text)
    path = _path_of(rest)
    if path != path.lower():
        raise InvalidParameter(
            f"invalid reference format: repository name ({path}) must be lowercase"
        )
    match = _REFERENCE.fullmatch(f"{domain}/{rest}")
    if match is None:
        raise InvalidParameter("invalid reference format")
    if len(match["path"]) > NAME_LIMIT:
        raise InvalidParameter(f"repository name must not be more than {NAME_LIMIT} characters")
    digest = match["digest"]
    if digest is not None:
        check_digest(digest)
    return Reference(match["domain"], match["path"], match["tag"], digest)


def parse_any(text: str) -> Reference | str:
    """Read a reference, or the digest that an image's ID is: 64 hex characters, or `sha256:...`."""
    if _HEX.fullmatch(text):
        return f"sha256:{text}"
    if _DIGEST_ONLY.fullmatch(text) and text.partition(":")[0] in _DIGEST_LENGTHS:
        return check_digest(text)
    return parse_normalized(text)


def familiar_name(reference: Reference) -> str:
    """The short name without tag: `busybox`, `user/app`, `host:5000/app`."""
    if reference.domain != DEFAULT_DOMAIN:
        return reference.name
    short = reference.path.removeprefix(OFFICIAL)
    short = reference.path if "/" in short else short
    # docker.io/a.b/c must not become a.b/c, which is another registry's (distribution does that).
    same = _split_domain(short) == (DEFAULT_DOMAIN, reference.path)
    return short if same else reference.name


def familiar(reference: Reference) -> str:
    """The short form: `busybox:latest`, `busybox@sha256:...`."""
    return familiar_name(reference) + _suffix(reference)


def check_digest(digest: str) -> str:
    """A digest of a known algorithm in its one spelling."""
    algorithm, colon, encoded = digest.partition(":")
    if not colon or not _DIGEST_ONLY.fullmatch(digest):
        raise InvalidParameter("invalid checksum digest format")
    if algorithm not in _DIGEST_LENGTHS:
        raise InvalidParameter("unsupported digest algorithm")
    if len(encoded) != _DIGEST_LENGTHS[algorithm]:
        raise InvalidParameter("invalid checksum digest length")
    if encoded != encoded.lower():
        raise InvalidParameter("invalid checksum digest format")
    return digest


def _suffix(reference: Reference) -> str:
    tag = "" if reference.tag is None else f":{reference.tag}"
    return tag if reference.digest is None else f"{tag}@{reference.digest}"


def _split_domain(text: str) -> tuple[str, str]:
    """The first part is a host if it looks like one: a dot, a port, `localhost`, or upper case."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, OFFICIAL + text
    if first == LEGACY_DOMAIN:
        first = DEFAULT_DOMAIN
    elif first != "localhost" and not set(".:") & set(first) and first == first.lower():
        return DEFAULT_DOMAIN, text
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = OFFICIAL + rest
    return first, rest


def _path_of(rest: str) -> str:
    """What stands before tag and digest; `library/` was put before a short name already."""
    return re.split("[:@]", rest, maxsplit=1)[0]
