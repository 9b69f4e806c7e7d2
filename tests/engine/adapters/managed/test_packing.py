from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from engine.adapters.managed.packing import take_apart
from engine.errors import InvalidParameter


def given(path: Path, *, config: bool = True) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in (("config.json", b"{}"), ("rootfs/plugin", b"x"), ("other", b"y")):
            if name == "config.json" and not config:
                continue
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("rootfs/linked")
        link.type, link.linkname = tarfile.LNKTYPE, "rootfs/plugin"
        tar.addfile(link)
    return path


def test_layer_is_the_root_alone(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    config, diff_id, digest, size = take_apart(given(tmp_path / "tar"), layer)
    data = layer.read_bytes()
    assert config == b"{}"
    assert (digest, size) == (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    plain = gzip.decompress(data)
    assert diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        found = {each.name: each.linkname for each in tar}
    assert found == {"plugin": "", "linked": "plugin"}


def test_what_is_no_plugin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"no tar at all")
    with pytest.raises(InvalidParameter, match="damaged"):
        take_apart(tmp_path / "bad", tmp_path / "layer")
    with pytest.raises(InvalidParameter, match="config not found"):
        take_apart(given(tmp_path / "tar", config=False), tmp_path / "layer")
