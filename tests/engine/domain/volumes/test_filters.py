from __future__ import annotations

import pytest

from engine.domain.volumes.filters import Filters, check_listing, listed, pruned, pruning
from engine.domain.volumes.records import ANONYMOUS, VolumeRecord
from engine.errors import InvalidParameter

NAMED = VolumeRecord(name="web-data", created_ns=0, labels={"app": "web", "tier": ""})
ANON = VolumeRecord(name="f" * 64, created_ns=0, labels={ANONYMOUS: ""})


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({}, True),
        ({"name": ["web"]}, True),
        ({"name": ["^data"]}, False),
        ({"name": ["nope", "data$"]}, True),
        ({"name": ["["]}, False),
        ({"driver": ["loc"]}, False),
        ({"driver": ["nope", "local"]}, True),
        ({"label": ["app"]}, True),
        ({"label": ["app=web", "tier"]}, True),
        ({"label": ["app=web", "other"]}, False),
        ({"label": ["app=db"]}, False),
        ({"dangling": ["true"]}, False),
        ({"dangling": ["0"]}, True),
        ({"name": ["web"], "dangling": ["1"]}, False),
    ],
)
def test_listing_shows_what_all_filters_want(filters: Filters, shown: bool) -> None:
    check_listing(filters)
    assert listed(NAMED, filters, used=True) is shown


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"foo": ["x"]}, "invalid filter 'foo'"),
        ({"label!": ["x"]}, "invalid filter 'label!'"),
        ({"dangling": ["maybe"]}, "invalid filter 'dangling=[maybe]'"),
        ({"dangling": ["true", "false"]}, "invalid filter 'dangling=[true false]'"),
    ],
)
def test_unknown_filters_of_a_listing_are_refused(filters: Filters, text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check_listing(filters)
    assert str(refusal.value) == text


def test_prune_takes_only_anonymous_volumes_unless_told_otherwise() -> None:
    wanted = pruning({}, everything=False)
    assert pruned(ANON, wanted)
    assert not pruned(NAMED, wanted)
    for everything in (pruning({"all": ["true"]}, everything=False), pruning({}, everything=True)):
        assert pruned(ANON, everything)
        assert pruned(NAMED, everything)
    assert not pruned(NAMED, pruning({"all": ["0"]}, everything=False))


def test_prune_never_takes_a_volume_with_options() -> None:
    shared = VolumeRecord(name="nfs", created_ns=0, options={"type": "nfs", "device": ":/x"})
    assert not pruned(shared, pruning({"all": ["1"]}, everything=False))


def test_prune_by_label_and_by_its_absence() -> None:
    assert pruned(NAMED, pruning({"label": ["app=web"], "all": ["1"]}, everything=False))
    assert not pruned(NAMED, pruning({"label!": ["app"]}, everything=True))
    assert pruned(NAMED, pruning({"label!": ["other"]}, everything=True))
    assert not pruned(ANON, pruning({"label": ["app"]}, everything=False))


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"name": ["x"]}, "invalid filter 'name'"),
        ({"all": ["perhaps"]}, "invalid filter 'all=[perhaps]'"),
        ({"all": ["1", "0"]}, "invalid filter 'all=[1 0]'"),
    ],
)
def test_unknown_filters_of_a_prune_are_refused(filters: Filters, text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        pruning(filters, everything=False)
    assert str(refusal.value) == text
