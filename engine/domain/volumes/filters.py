"""Which volumes a listing shows and a prune takes: dockerd's filters and their texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from engine.domain.volumes.records import ANONYMOUS, LOCAL, VolumeRecord
from engine.errors import InvalidParameter

Filters = Mapping[str, Sequence[str]]
LISTING = frozenset({"name", "label", "driver", "dangling"})
PRUNING = frozenset({"label", "label!"})
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def check_listing(filters: Filters) -> None:
    _check_names(filters, LISTING)
    if "dangling" in filters:
        _dangling(filters["dangling"])


def listed(record: VolumeRecord, filters: Filters, *, used: bool) -> bool:
    """Values of name and driver are alternatives, labels must all be there."""
    labels = record.labels or {}
    return (
        _none_or_any(filters.get("name"), lambda value: _found(value, record.name))
        and _none_or_any(filters.get("driver"), lambda value: value == record.driver)
        and all(has_label(value, labels) for value in filters.get("label", ()))
        and ("dangling" not in filters or _dangling(filters["dangling"]) is not used)
    )


def pruning(filters: Filters, *, everything: bool) -> Filters:
    """The filters of a prune, checked. Without `all` only anonymous volumes go.

    `everything` is what clients below API 1.42 mean without saying it.
    """
    asked = list(filters.get("all", ()))
    if len(asked) > 1 or any(value not in _TRUE | _FALSE for value in asked):
        raise _invalid("all", asked)
    rest = {name: list(values) for name, values in filters.items() if name != "all"}
    _check_names(rest, PRUNING)
    if everything or (asked and asked[0] in _TRUE):
        return rest
    return {**rest, "label": [*rest.get("label", ()), ANONYMOUS]}


def pruned(record: VolumeRecord, filters: Filters) -> bool:
    """A volume with options, or another driver's, is never pruned: what is behind it is not the engine's."""
    labels = record.labels or {}
    without = filters.get("label!", ())
    return (
        record.driver == LOCAL
        and not record.options
        and all(has_label(value, labels) for value in filters.get("label", ()))
        and not (without and all(has_label(value, labels) for value in without))
    )


def has_label(wanted: str, labels: Mapping[str, str]) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _check_names(filters: Filters, known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidParameter(f"invalid filter '{name}'")


def _dangling(values: Sequence[str]) -> bool:
    """What is both or neither is refused, as dockerd does since 23.0."""
    true, false = bool({"1", "true"} & set(values)), bool({"0", "false"} & set(values))
    if true is false:
        raise _invalid("dangling", values)
    return true


def _invalid(name: str, values: Sequence[str]) -> InvalidParameter:
    return InvalidParameter(f"invalid filter '{name}=[{' '.join(values)}]'")


def _none_or_any(values: Sequence[str] | None, holds: Callable[[str], bool]) -> bool:
    return not values or any(holds(value) for value in values)


def _found(pattern: str, name: str) -> bool:
    """A regular expression, or the name itself where the text is none."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern == name
