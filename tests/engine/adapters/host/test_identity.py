from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.adapters.host.identity import Choices, DataRoot
from engine.errors import SystemFailure

WANTED = Choices(
    engine_id="e1",
    containerd="",
    namespace="moby",
    plugin_namespace="plugins.moby",
    bridge="docker0",
    snapshotter="overlayfs",
    cgroup_driver="cgroupfs",
)


def claimed(path: Path) -> DataRoot:
    root = DataRoot(path)
    root.claim()
    return root


def test_root_is_made_and_belongs_to_one_daemon(tmp_path: Path) -> None:
    path = tmp_path / "data"
    first = claimed(path)
    with pytest.raises(SystemFailure, match=f"^{path} is in use by another trimarand$"):
        claimed(path)
    first.release()
    first.release()
    claimed(path).release()


def test_choices_of_the_first_start_are_kept(tmp_path: Path) -> None:
    first = claimed(tmp_path)
    assert first.choices is None
    assert len(first.new_engine_id()) == 36
    assert first.settle(WANTED) == WANTED
    first.release()
    second = claimed(tmp_path)
    assert second.choices == WANTED
    assert second.new_engine_id() == "e1"
    assert second.settle(msgspec.structs.replace(WANTED, engine_id="other")) == WANTED
    second.release()


@pytest.mark.parametrize(
    ("name", "asked", "text"),
    [
        ("containerd", "/run/c.sock", "with containerd 'embedded' and cannot be used with '/run/c"),
        ("snapshotter", "native", "with snapshotter 'overlayfs' and cannot be used with 'native'"),
        ("namespace", "mine", "with namespace 'moby' and cannot be used with 'mine'"),
        ("bridge", "br0", "with bridge 'docker0' and cannot be used with 'br0'"),
        ("cgroup_driver", "systemd", "with cgroup_driver 'cgroupfs'"),
    ],
)
def test_later_start_that_wants_something_else_is_refused(
    tmp_path: Path, name: str, asked: str, text: str
) -> None:
    root = claimed(tmp_path)
    root.settle(WANTED)
    with pytest.raises(SystemFailure, match=text):
        root.settle(msgspec.structs.replace(WANTED, **{name: asked}))
    assert root.choices == WANTED
    root.release()


@pytest.mark.parametrize("layout", ["overlay2", "image", "network/files"])
def test_data_of_dockerd_is_let_alone(tmp_path: Path, layout: str) -> None:
    (tmp_path / layout).mkdir(parents=True)
    with pytest.raises(SystemFailure, match="holds dockerd's data; choose another --data-root"):
        claimed(tmp_path)
    assert not (tmp_path / "lock").exists()


def test_own_data_may_look_like_dockerds(tmp_path: Path) -> None:
    (tmp_path / "containers").mkdir()
    (tmp_path / "state.db").touch()
    claimed(tmp_path).release()


@pytest.mark.parametrize("name", ["engine.json", "engine.copy.json"])
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"{", b'{"engine_id": 7}', b"\xff\xfe"])
def test_damaged_identity_is_healed_from_its_copy(
    tmp_path: Path, name: str, content: bytes
) -> None:
    first = claimed(tmp_path)
    first.settle(WANTED)
    first.release()
    sound = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    again = claimed(tmp_path)
    assert again.choices == WANTED
    assert (tmp_path / name).read_bytes() == sound
    again.release()


def test_no_new_identity_is_invented_when_both_are_damaged(tmp_path: Path) -> None:
    first = claimed(tmp_path)
    first.settle(WANTED)
    first.release()
    for name in ("engine.json", "engine.copy.json"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SystemFailure, match="from a backup"):
        claimed(tmp_path)
    assert (tmp_path / "engine.json").read_bytes() == b""
