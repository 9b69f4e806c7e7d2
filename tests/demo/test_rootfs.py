from __future__ import annotations

import shutil
import tarfile
from io import BytesIO

import pytest

from demo.rootfs import busybox_tar


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_archive_has_busybox_and_its_applets_as_links() -> None:
    with tarfile.open(fileobj=BytesIO(busybox_tar())) as tar:
        assert tar.getmember("bin/busybox").mode == 0o755
        assert tar.getmember("bin/sh").linkname == "busybox"
        assert tar.getmember("tmp").mode == 0o1777
