from __future__ import annotations

import msgspec

from engine.models import gojson
from engine.models.volumes import VolumeCreateRequest, VolumeListResponse, VolumePruneReport


def test_empty_answers_are_dockerds_to_the_byte() -> None:
    assert msgspec.json.encode(VolumeListResponse()) == b'{"Volumes":[],"Warnings":null}'
    report = msgspec.json.encode(VolumePruneReport())
    assert report == b'{"VolumesDeleted":[],"SpaceReclaimed":0}'


def test_request_tells_no_options_from_empty_ones() -> None:
    bare = gojson.decode(b'{"Name":"vol"}', VolumeCreateRequest)
    assert (bare.driver_opts, bare.labels) == (None, None)
    given = gojson.decode(b'{"Name":"vol","DriverOpts":{},"Labels":{"a":""}}', VolumeCreateRequest)
    assert (given.driver_opts, given.labels) == ({}, {"a": ""})
