from __future__ import annotations

import pytest

from engine.domain.networks import predefined
from engine.domain.networks.book import Book
from engine.domain.networks.filters import matching, prunable
from engine.domain.networks.records import NetworkRecord
from engine.errors import InvalidParameter

USER = NetworkRecord(
    id="u" * 64,
    name="frontend",
    driver="bridge",
    created="2026-01-02T03:04:05Z",
    labels={"tier": "web", "x": ""},
)
CREATED_NS = 1_767_323_045 * 10**9


def book() -> Book:
    known = Book()
    for record in (predefined.plain("none"), predefined.plain("host"), USER):
        known.put(record)
    return known


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"none", "host", "frontend"}),
        ({"driver": ["null", "host"]}, {"none", "host"}),
        ({"type": ["custom"]}, {"frontend"}),
        ({"type": ["builtin"]}, {"none", "host"}),
        ({"name": ["fron"]}, {"frontend"}),
        ({"name": ["^(host|none)$"]}, {"none", "host"}),
        ({"name": ["("]}, set()),
        ({"id": ["uuu"]}, {"frontend"}),
        ({"label": ["tier"]}, {"frontend"}),
        ({"label": ["tier=web", "x"]}, {"frontend"}),
        ({"label": ["tier=db"]}, set()),
        ({"scope": ["swarm"]}, set()),
        ({"dangling": ["true"]}, {"frontend"}),
        ({"dangling": ["0"]}, {"none", "host"}),
        ({"driver": ["bridge"], "name": ["host"]}, set()),
    ],
)
def test_filters_choose_as_dockerd_does(filters: dict[str, list[str]], expected: set[str]) -> None:
    assert {record.name for record in matching(book(), filters)} == expected


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"foo": ["x"]}, "invalid filter 'foo'"),
        ({"type": ["cust"]}, "invalid filter: 'type'='cust'"),
        ({"dangling": ["zz"]}, "invalid value for filter 'dangling'"),
    ],
)
def test_unknown_filters_are_refused(filters: dict[str, list[str]], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        matching(book(), filters)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"label": ["tier=web"]}, True),
        ({"label": ["tier=web", "other"]}, False),
        ({"label!": ["tier"]}, False),
        ({"label!": ["other"]}, True),
        ({"until": ["10m"]}, True),
        ({"until": ["2h"]}, False),
        ({"until": ["2026-01-02T03:04:06Z"]}, True),
        ({"until": ["1767323044"]}, False),
    ],
)
def test_prune_takes_what_its_filters_mean(filters: dict[str, list[str]], expected: bool) -> None:
    an_hour_later = CREATED_NS + 3600 * 10**9
    assert prunable(filters, an_hour_later)(USER) is expected


@pytest.mark.parametrize("filters", [{"driver": ["x"]}, {"until": ["1h", "2h"]}])
def test_prune_refuses_what_it_does_not_know(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidParameter):
        prunable(filters)
