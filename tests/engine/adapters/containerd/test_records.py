from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from engine.adapters.containerd.records import (
    Descriptor,
    Mount,
    descriptor_from_wire,
    descriptor_to_wire,
    label_paths,
    mount_to_wire,
    mounts_from_wire,
    ns,
    seconds,
)


def test_mounts_and_descriptors_survive_the_wire() -> None:
    mount = Mount("overlay", "overlay", "", ("lowerdir=/a:/b", "ro"))
    assert mounts_from_wire([mount_to_wire(mount)]) == [mount]
    descriptor = Descriptor("application/x", "sha256:00", 3, {"k": "v"})
    assert descriptor_from_wire(descriptor_to_wire(descriptor)) == descriptor


def test_times_are_exact_in_nanoseconds_and_the_zero_time_is_zero() -> None:
    assert ns(Timestamp(seconds=1_700_000_000, nanos=123_456_789)) == 1_700_000_000_123_456_789
    assert seconds(Timestamp(seconds=2, nanos=500_000_000)) == 2.5
    assert ns(Timestamp(seconds=-62_135_596_800)) == 0


def test_label_masks_keep_dots_and_slashes() -> None:
    assert label_paths({"containerd.io/gc.root": "x"}) == ["labels.containerd.io/gc.root"]
