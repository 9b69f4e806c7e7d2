"""What `docker rmi` may do: dockerd's rules for references, conflicts and force, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from engine.domain.images.catalogue import Catalogue, Image, Record
from engine.domain.images.naming import is_id_prefix, key_of
from engine.domain.names.references import Reference, parse_any
from engine.errors import Conflict

__all__ = ["ImageUser", "Plan", "Users", "plan_removal"]


class ImageUser(msgspec.Struct, frozen=True):
    """A container that was made from the image."""

    container_id: str
    running: bool


Users = Callable[[str], Sequence[ImageUser]]


class Plan(msgspec.Struct, frozen=True):
    """Records to take away, and whether the image goes with them."""

    image: Image
    untag: tuple[Record, ...]
    delete: bool


def plan_removal(catalogue: Catalogue, name: str, *, force: bool, users: Users) -> Plan:
    """Raises NotFound and Conflict with dockerd's texts."""
    image = catalogue.resolve(name)
    references = catalogue.references_of(image.id)
    using = users(image.id)
    if is_id_prefix(image.id, name):
        if _is_single(references):
            _check(catalogue, image, (), using, force=force)
        else:
            _check(catalogue, image, references, using, force=force)
        return Plan(image, tuple(references), delete=True)
    return _by_reference(catalogue, image, references, name, using, force=force)


def _by_reference(
    catalogue: Catalogue,
    image: Image,
    references: list[Record],
    name: str,
    using: Sequence[ImageUser],
    *,
    force: bool,
) -> Plan:
    if not force and using and _is_single(references):
        raise Conflict(
            f'conflict: unable to remove repository reference "{name}" (must force) - container '
            f"{_short(using[0].container_id)} is using its referenced image {_short(image.id)}"
        )
    parsed = parse_any(name)
    assert isinstance(parsed, Reference)
    gone = [each for each in references if each.name == key_of(parsed)]
    left = [each for each in references if each not in gone]
    if not parsed.digest:
        orphans = _orphaned_digests(parsed, left)
        gone += orphans
        left = [each for each in left if each not in orphans]
    if left:
        return Plan(image, tuple(gone), delete=False)
    try:
        _check(catalogue, image, (), using, force=force)
    except Conflict:
        # It has lost its last name and stays: a child or a container needs it.
        return Plan(image, tuple(gone), delete=False)
    return Plan(image, tuple(gone), delete=True)


def _orphaned_digests(parsed: Reference, left: list[Record]) -> list[Record]:
    """A repository's digests go with the last of its tags."""
    same = [each for each in left if _repository(each) == parsed.name]
    return [] if any(_tag(each) for each in same) else same


def _is_single(references: list[Record]) -> bool:
    """At most one tag, and all references in one repository; False for none."""
    tags = [each for each in references if _tag(each)]
    repositories = {_repository(each) for each in references}
    return len(references) > 0 and len(tags) <= 1 and len(repositories) == 1


def _check(
    catalogue: Catalogue,
    image: Image,
    references: Sequence[Record],
    using: Sequence[ImageUser],
    *,
    force: bool,
) -> None:
    """Hard conflicts first; soft ones give way to force."""
    if catalogue.children_of(image.id):
        raise _conflict(image, "cannot be forced", "image has dependent child images")
    for user in using:
        if user.running:
            reason = f"image is being used by running container {_short(user.container_id)}"
            raise _conflict(image, "cannot be forced", reason)
    if force:
        return
    if references:
        reason = "image is referenced in multiple repositories"
        raise _conflict(image, "must be forced", reason)
    if using:
        reason = f"image is being used by stopped container {_short(using[0].container_id)}"
        raise _conflict(image, "must be forced", reason)


def _conflict(image: Image, force: str, reason: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {_short(image.id)} ({force}) - {reason}")


def _short(id: str) -> str:
    return id.removeprefix("sha256:")[:12]


def _repository(record: Record) -> str:
    return record.reference.name if record.reference else ""


def _tag(record: Record) -> bool:
    return record.reference is not None and not record.reference.digest
