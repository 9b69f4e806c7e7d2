from __future__ import annotations

import os
import tarfile
from pathlib import Path

from engine.adapters.builds.sums import Sums, file_hash, list_hash


def test_a_files_hash_is_dockerds() -> None:
    """Recorded from `COPY f /f` of a file with "hi" and a newline."""
    sums = Sums()
    info = tarfile.TarInfo("./f")
    info.name, info.size, info.mode = "f", 3, 0o644
    digest = sums.begin(info)
    digest.update(b"hi\n")
    sums.done(info, digest)
    assert sums.found == {"f": "8582af4daeaf0680f84231b3cb3c1b3f178576b5a6a8982837583d5676f28428"}


def test_times_do_not_count_and_modes_do() -> None:
    def of(**values: object) -> str:
        info = tarfile.TarInfo("f")
        for name, value in values.items():
            setattr(info, name, value)
        return Sums().begin(info).hexdigest()

    assert of(mtime=1) == of(mtime=2)
    assert (
        len({of(), of(mode=0o600), of(uid=1), of(gid=1), of(name="g"), of(type=tarfile.DIRTYPE)})
        == 6
    )


def test_names_are_kept_inside() -> None:
    sums = Sums()
    info = tarfile.TarInfo("../../x")
    sums.done(info, sums.begin(info))
    assert list(sums.found) == ["x"]


def test_what_is_on_disk_is_hashed_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("2\n")
    (tmp_path / "l").symlink_to("f")
    os.utime(tmp_path / "f", (1, 1))
    one = file_hash(str(tmp_path / "f"), "f")
    os.utime(tmp_path / "f", (2, 2))
    assert file_hash(str(tmp_path / "f"), "f") == one
    assert file_hash(str(tmp_path / "l"), "f") != one
    assert len(list_hash("dir", [one]).removeprefix("dir:")) == 64
