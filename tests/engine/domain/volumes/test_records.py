from __future__ import annotations

import pytest

from engine.domain.volumes.records import ANONYMOUS, VolumeRecord


@pytest.mark.parametrize(
    ("labels", "anonymous"), [(None, False), ({"a": "b"}, False), ({ANONYMOUS: ""}, True)]
)
def test_label_tells_who_is_anonymous(labels: dict[str, str] | None, anonymous: bool) -> None:
    assert VolumeRecord(name="v", created_ns=1, labels=labels).anonymous is anonymous
