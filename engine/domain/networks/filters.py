"""Which networks a list or prune request means. Pure; texts are dockerd's."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from engine.domain.images.times import go_duration, unix_nanoseconds
from engine.domain.networks.book import Book
from engine.domain.networks.records import NetworkRecord
from engine.errors import InvalidParameter

Filters = Mapping[str, Sequence[str]]
_KNOWN = {"driver", "type", "name", "id", "label", "scope", "dangling"}
_PRUNING = {"label", "label!", "until"}
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def matching(book: Book, filters: Filters) -> list[NetworkRecord]:
    """The networks that pass all filters; several values of one filter are alternatives."""
    check_filters(filters)
    return [record for record in book.networks.values() if _passes(record, book, filters)]


def check_filters(filters: Filters) -> None:
    for name, values in filters.items():
        if name not in _KNOWN:
            raise InvalidParameter(f"invalid filter '{name}'")
        if name == "type" and (bad := [v for v in values if v not in ("builtin", "custom")]):
            raise InvalidParameter(f"invalid filter: 'type'='{bad[0]}'")
        if name == "dangling" and any(v not in _TRUE + _FALSE for v in values):
            raise InvalidParameter(
                'invalid value for filter \'dangling\', must be "true" (or "1"), '
                'or "false" (or "0")'
            )


def prunable(filters: Filters, now_ns: int | None = None) -> Callable[[NetworkRecord], bool]:
    """Whether a prune with these filters means a network. Raises InvalidParameter."""
    for name in filters:
        if name not in _PRUNING:
            raise InvalidParameter(f"invalid filter '{name}'")
    untils = filters.get("until") or ()
    if len(untils) > 1:
        raise InvalidParameter("more than one until filter specified")
    limit = _moment(untils[0], now_ns or time.time_ns()) if untils else None

    def wanted(record: NetworkRecord) -> bool:
        created = unix_nanoseconds(record.created) or 0
        return (
            (limit is None or created < limit)
            and all(_labelled(record, each) for each in filters.get("label") or ())
            and not any(_labelled(record, each) for each in filters.get("label!") or ())
        )

    return wanted


def _moment(text: str, now_ns: int) -> int:
    """A duration before now, unix seconds, or RFC 3339."""
    if text.replace(".", "", 1).isdecimal():
        return int(float(text) * 1_000_000_000)
    found = unix_nanoseconds(text)
    return found if found is not None else now_ns - go_duration(text)


def _passes(record: NetworkRecord, book: Book, filters: Filters) -> bool:
    for name, values in filters.items():
        if values and not _matches(record, book, name, values):
            return False
    return True


def _matches(record: NetworkRecord, book: Book, name: str, values: Sequence[str]) -> bool:
    match name:
        case "driver":
            return record.driver in values
        case "scope":
            return record.scope in values
        case "type":
            return ("builtin" if record.predefined else "custom") in values
        case "name":
            return any(_found(value, record.name) for value in values)
        case "id":
            return any(_found(value, record.id) for value in values)
        case "label":
            return all(_labelled(record, value) for value in values)
        case _:
            # Predefined networks never count as dangling.
            unused = not record.predefined and not any(book.attached(record.id))
            return unused if values[0] in _TRUE else not unused


def _found(pattern: str, text: str) -> bool:
    """dockerd takes the value for a regular expression, and for plain text if it is none."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text


def _labelled(record: NetworkRecord, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in record.labels and (not equals or record.labels[key] == value)
