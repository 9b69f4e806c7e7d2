from __future__ import annotations

import msgspec

from engine.domain.volumes import views
from engine.domain.volumes.records import VolumeRecord

RECORD = VolumeRecord(name="vol", created_ns=1_700_000_000_999_999_999)


def test_volume_is_shown_as_dockerd_writes_it() -> None:
    assert msgspec.json.encode(views.volume_view(RECORD, "/v/vol/_data")) == (
        b'{"CreatedAt":"2023-11-14T22:13:20Z","Driver":"local","Labels":null,'
        b'"Mountpoint":"/v/vol/_data","Name":"vol","Options":null,"Scope":"local"}'
    )


def test_events_have_dockerds_attributes() -> None:
    created = views.changed("create", RECORD)
    assert (created.type, created.action, created.actor_id) == ("volume", "create", "vol")
    assert created.attributes == {"driver": "local"}
    assert views.mounted("vol", "local", "c1", "/data", read_only=True).attributes == {
        "container": "c1",
        "destination": "/data",
        "driver": "local",
        "propagation": "",
        "read/write": "false",
    }
    unmounted = views.unmounted("vol", "local", "c1")
    assert unmounted.attributes == {"container": "c1", "driver": "local"}
    assert views.pruned(12).attributes == {"reclaimed": "12"}
