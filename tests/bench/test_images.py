from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from pathlib import Path

from bench.images import FILE, LAYERS, Load, archive, config, layer
from bench.works import SMOKE
from tests.harness.daemon import Daemon


def test_layers_differ_and_pack_to_about_half() -> None:
    one, other = layer(1, 5 * FILE), layer(2, 5 * FILE)
    assert one != other
    assert len(one) > 5 * FILE
    assert 0.4 < len(gzip.compress(one, 1)) / len(one) < 0.6


def test_archive_names_its_config_and_layers_by_digest(tmp_path: Path) -> None:
    data = layer(0, FILE)
    with archive(tmp_path / "a.tar") as written:
        diff_id = written.layer(data)
        written.image(config([diff_id]), [diff_id], "name:1")
    with tarfile.open(tmp_path / "a.tar") as opened:
        members = {each.name: opened.extractfile(each) for each in opened}
        contents = {name: file.read() for name, file in members.items() if file}
    (item,) = json.loads(contents["manifest.json"])
    assert hashlib.sha256(contents[item["Layers"][0]]).hexdigest() == diff_id[7:]
    assert json.loads(contents[item["Config"]])["rootfs"]["diff_ids"] == [diff_id]


def test_image_has_the_size_that_the_scale_says() -> None:
    work = Load(SMOKE)
    work.prepare(object.__new__(Daemon))  # type: ignore[arg-type]  # nothing is asked of it
    size = work.archive.stat().st_size
    assert SMOKE.image_megabytes * 1e6 <= size < SMOKE.image_megabytes * 1e6 + LAYERS * FILE
    work._stack.close()
