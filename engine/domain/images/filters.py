"""Which images a list, or a prune, is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.domain.images.catalogue import Catalogue, Image
from engine.domain.images.globs import matches
from engine.domain.images.times import go_duration, unix_nanoseconds
from engine.domain.names.references import familiar_name, parse_normalized
from engine.errors import InvalidParameter

__all__ = ["Filters", "matched_names", "select_images"]

Filters = Mapping[str, Sequence[str]]

_LIST = {"dangling", "label", "label!", "before", "since", "reference", "until"}
_TRUE = {"1", "t", "true", "True", "TRUE", "T"}
_FALSE = {"0", "f", "false", "False", "FALSE", "F"}


def select_images(
    catalogue: Catalogue, filters: Filters, *, every: bool, now_ns: int
) -> list[Image]:
    """Newest first. Without `every`, nameless parents of other images are left out, as dockerd does.

    Raises InvalidParameter, and NotFound for `before` and `since`.
    """
    for name in filters:
        if name not in _LIST:
            raise InvalidParameter(f"Invalid filter '{name}'")
    dangling = flag(filters, "dangling")
    earliest, latest = _window(catalogue, filters, now_ns)
    chosen = []
    parents = {each.parent for each in catalogue.images.values()}
    for image in catalogue.images.values():
        nameless = not image.names and not image.digests
        if not every and nameless and image.id in parents:
            continue
        if dangling is not None and dangling is not nameless:
            continue
        if not earliest < created(image) < latest:
            continue
        if labelled(image, filters) and (not filters.get("reference") or any_name(image, filters)):
            chosen.append(image)
    return sorted(chosen, key=created, reverse=True)


def created(image: Image) -> int:
    """Nanoseconds since the epoch; long before it for an image that states no time."""
    return unix_nanoseconds(image.config.created) or -(1 << 62)


def labelled(image: Image, filters: Filters) -> bool:
    labels = image.config.config.labels or {}
    wanted = all(_has_label(labels, each) for each in filters.get("label", ()))
    return wanted and not any(_has_label(labels, each) for each in filters.get("label!", ()))


def matched_names(names: Iterable[str], filters: Filters) -> list[str]:
    """The names that a reference filter lets through."""
    patterns = filters.get("reference") or ()
    if not patterns:
        return list(names)
    return [each for each in names if any(_matches(pattern, each) for pattern in patterns)]


def any_name(image: Image, filters: Filters) -> bool:
    for pattern in filters.get("reference", ()):
        matches(pattern, "")  # a bad pattern is an error even where there is nothing to match
    return bool(matched_names((*image.names, *image.digests), filters))


def flag(filters: Filters, name: str) -> bool | None:
    values = set(filters.get(name, ()))
    if not values:
        return None
    if values <= _TRUE:
        return True
    if values <= _FALSE:
        return False
    raise InvalidParameter(f"Invalid filter '{name}=[{' '.join(filters[name])}]'")


def until(filters: Filters, now_ns: int) -> int | None:
    """The latest of the times given, in nanoseconds: RFC 3339, Unix seconds, or a duration ago."""
    moments = [_moment(each, now_ns) for each in filters.get("until", ())]
    return max(moments) if moments else None


def _window(catalogue: Catalogue, filters: Filters, now_ns: int) -> tuple[float, float]:
    earliest, latest = -float("inf"), float("inf")
    for name in filters.get("before", ()):
        latest = min(latest, created(catalogue.resolve(name)))
    for name in filters.get("since", ()):
        earliest = max(earliest, created(catalogue.resolve(name)))
    if (moment := until(filters, now_ns)) is not None:
        latest = min(latest, moment)
    return earliest, latest


def _moment(text: str, now_ns: int) -> int:
    seconds, _, fraction = text.partition(".")
    if seconds.isdecimal() and (not fraction or fraction.isdecimal()):
        return int(seconds) * 10**9 + int((fraction + "0" * 9)[:9])
    if (found := unix_nanoseconds(text)) is not None:
        return found
    return now_ns - go_duration(text)


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _matches(pattern: str, name: str) -> bool:
    """Against the familiar string, or the repository alone."""
    reference = parse_normalized(name)
    repository = familiar_name(reference)
    return matches(pattern, name) or matches(pattern, repository)
