from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import PAGE, mounted, short_enough
from engine.adapters.rootfs.openat2 import open_in_root
from engine.models.runtime import Mount


def test_options_that_fit_stay_as_they_are() -> None:
    with short_enough("lowerdir=/a:/b") as data:
        assert data == "lowerdir=/a:/b"


def test_too_long_options_name_their_layers_by_descriptor(tmp_path: Path) -> None:
    layers = [tmp_path / f"{number:0100d}" for number in range(50)]
    for layer in layers:
        layer.mkdir()
    long = "index=off,lowerdir=" + ":".join(map(str, layers))
    assert len(long) > PAGE
    before = len(os.listdir("/proc/self/fd"))
    with short_enough(long) as data:
        assert len(data) < PAGE
        assert data.startswith("index=off,lowerdir=/proc/self/fd/")
        named = data.partition("lowerdir=")[2].split(":")
        assert [os.readlink(each) for each in named] == [str(layer) for layer in layers]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_an_image_of_very_many_layers_can_be_looked_into(scratch: Path) -> None:
    layers = [scratch / ("l" * 80 + str(number)) for number in range(100)]
    for number, layer in enumerate(layers):
        layer.mkdir()
        (layer / f"f{number}").write_text(str(number))
    lower = "lowerdir=" + ":".join(map(str, layers))
    with mounted([Mount("overlay", "overlay", options=(lower,))], scratch) as fd:
        for number in (0, 99):
            found = open_in_root(fd, f"/f{number}", os.O_RDONLY)
            assert os.read(found, 10) == str(number).encode()
            os.close(found)
