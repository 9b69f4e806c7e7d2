from __future__ import annotations

import msgspec

from engine.models.images import DeleteItem, ImageSummary


def test_summary_counts_nothing_until_asked() -> None:
    written = msgspec.json.encode(ImageSummary())
    assert b'"Containers":-1' in written
    assert b'"SharedSize":-1' in written
    assert b"VirtualSize" not in written


def test_delete_item_is_either_or() -> None:
    assert msgspec.json.encode(DeleteItem(untagged="a:b")) == b'{"Untagged":"a:b"}'
