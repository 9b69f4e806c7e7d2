"""The image that the room's tests load, and what must be left of it afterwards."""

from __future__ import annotations

from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of, docker_archive, tar_of

LOWER = tar_of({"etc/motd": b"hello"})
UPPER = tar_of({"bin/sh": b"#!"})
CONFIG = config_of([LOWER, UPPER], Cmd=["sh"], Labels={"l": "v"})
ID = digest_of(CONFIG)
ARCHIVE = docker_archive((CONFIG, [LOWER, UPPER], ["busybox:latest"]))
GZIPPED = "application/vnd.oci.image.layer.v1.tar+gzip"


def empty(stores: FakeContainerd) -> bool:
    stores.collect()
    return not (
        stores.content.blobs
        or stores.content.ingests
        or stores.snapshots.snapshots
        or stores.images.records
        or stores.leases.leases
    )
