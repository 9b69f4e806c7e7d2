"""How images are named: the keys of containerd's image store, and names from requests."""

from __future__ import annotations

from engine.domain.names.references import Reference, familiar, parse_any, parse_normalized
from engine.errors import InvalidParameter

__all__ = [
    "display_name",
    "is_id_prefix",
    "key_of",
    "parse_key",
    "target_reference",
    "untagged_key",
]

_UNTAGGED = "io.trimaran.untagged"


def key_of(reference: Reference) -> str:
    """The key in containerd's image store. Beside a digest a tag says nothing, as in dockerd."""
    if reference.digest:
        return str(reference.with_digest(reference.digest))
    return str(reference.with_default_tag())


def untagged_key(engine_id: str, image_id: str) -> str:
    """What keeps an image that has no name."""
    return f"{_UNTAGGED}/{engine_id.lower()}@{image_id}"


def parse_key(key: str) -> Reference | None:
    """The reverse of both; raises InvalidParameter for a name that no engine of ours gave."""
    return None if key.startswith(f"{_UNTAGGED}/") else parse_normalized(key)


def display_name(name: str) -> str:
    """A name as the texts have it: familiar, with the tag that was meant."""
    parsed = parse_any(name)
    return parsed if isinstance(parsed, str) else familiar(parsed.with_default_tag())


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
    if tag:
        reference = reference.with_tag(tag)
    if reference.name == "docker.io/library/sha256":
        raise InvalidParameter("refusing to create an ambiguous tag using digest algorithm as name")
    return reference.with_default_tag()
