"""How images are named: the keys of containerd's image store, default tags, names from requests."""

from __future__ import annotations

import re

from engine.domain.names.references import Reference, familiar, parse_normalized
from engine.errors import InvalidParameter

__all__ = [
    "display_name",
    "is_id_prefix",
    "key_of",
    "parse_any",
    "parse_key",
    "repository_of",
    "tagged",
    "target_reference",
    "untagged_key",
]

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_UNTAGGED = "io.trimaran.untagged"


def parse_any(name: str) -> Reference | str:
    """A reference, or the ID where a whole one is given (with or without `sha256:`)."""
    if _HEX.match(name):
        return f"sha256:{name}"
    if _DIGEST.match(name):
        return name
    return parse_normalized(name)


def tagged(reference: Reference) -> Reference:
    """With `latest` where neither tag nor digest is given."""
    if reference.tag or reference.digest:
        return reference
    return Reference(reference.domain, reference.path, "latest", None)


def key_of(reference: Reference) -> str:
    """The key in containerd's image store. Beside a digest a tag says nothing, as in dockerd."""
    name = repository_of(reference)
    if reference.digest:
        return f"{name}@{reference.digest}"
    return f"{name}:{reference.tag or 'latest'}"


def repository_of(reference: Reference) -> str:
    return f"{reference.domain}/{reference.path}"


def untagged_key(engine_id: str, image_id: str) -> str:
    """What keeps an image that has no name."""
    return f"{_UNTAGGED}/{engine_id.lower()}@{image_id}"


def parse_key(key: str) -> Reference | None:
    """The reverse of both; raises InvalidParameter for a name that no engine of ours gave."""
    return None if key.startswith(f"{_UNTAGGED}/") else parse_normalized(key)


def display_name(name: str) -> str:
    """A name as the texts have it: familiar, with the tag that was meant."""
    parsed = parse_any(name)
    return parsed if isinstance(parsed, str) else familiar(tagged(parsed))


def is_id_prefix(image_id: str, name: str) -> bool:
    """dockerd's way to tell `rmi ID` from `rmi NAME`."""
    return image_id.startswith(name) or image_id.removeprefix("sha256:").startswith(name)


def target_reference(repo: str, tag: str) -> Reference:
    """The name that tag, import or commit gives, from `repo` and `tag`; texts as dockerd's."""
    if not repo:
        raise InvalidParameter("invalid reference format")
    reference = parse_normalized(repo)
    if reference.digest:
        raise InvalidParameter("refusing to create a tag with a digest reference")
    if tag and not _TAG.match(tag):
        raise InvalidParameter("invalid tag format")
    chosen = Reference(reference.domain, reference.path, tag or reference.tag or "latest", None)
    if (reference.domain, reference.path) == ("docker.io", "library/sha256"):
        raise InvalidParameter("refusing to create an ambiguous tag using digest algorithm as name")
    return chosen
