"""Image references, parsed and familiar (a stand-in until the names package has its own)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import InvalidParameter

_PATH = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z"
)
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.A)


@dataclass(frozen=True, slots=True)
class Reference:
    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None


def parse_normalized(text: str) -> Reference:
    if re.fullmatch(r"[0-9a-f]{64}", text):
        raise InvalidParameter(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    rest, _, digest = text.partition("@")
    if _ and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise InvalidParameter("invalid reference format")
    first, slash, tail = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        domain, path = first, tail
    else:
        domain, path = "docker.io", rest
    path, colon, tag = path.partition(":")
    if colon and not _TAG.match(tag):
        raise InvalidParameter("invalid reference format")
    if domain == "docker.io" and "/" not in path:
        path = "library/" + path
    if path != path.lower():
        raise InvalidParameter(
            f"invalid reference format: repository name ({path}) must be lowercase"
        )
    if not _PATH.match(path):
        raise InvalidParameter("invalid reference format")
    return Reference(domain, path, tag or None, digest or None)


def familiar(ref: Reference) -> str:
    name = f"{ref.domain}/{ref.path}"
    if ref.domain == "docker.io":
        name = ref.path.removeprefix("library/") if ref.path.count("/") == 1 else ref.path
    return name + (f":{ref.tag}" if ref.tag else "") + (f"@{ref.digest}" if ref.digest else "")
