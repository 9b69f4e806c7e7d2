from __future__ import annotations

import msgspec

from engine.models import gojson
from engine.models.mounts import Mount, MountPoint


def test_mount_round_trips_with_only_what_was_said() -> None:
    sent = b'{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":5,"Mode":448}}'
    assert msgspec.json.encode(gojson.decode(sent, Mount)) == sent


def test_mount_point_of_a_bind_has_no_name_and_no_driver() -> None:
    point = MountPoint(type="bind", source="/a", destination="/b", rw=True, propagation="rprivate")
    assert msgspec.json.encode(point) == (
        b'{"Type":"bind","Source":"/a","Destination":"/b","Mode":"","RW":true,'
        b'"Propagation":"rprivate"}'
    )
