from __future__ import annotations

from pathlib import Path

import pytest

from engine.adapters.host.devices import all_of_host, block_numbers, found_at


def test_a_node_is_found_through_symlinks(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    (node,) = found_at(str(tmp_path / "link"))
    assert (node.path, node.type, node.major, node.minor) == ("/dev/null", "c", 1, 3)
    assert node.suffix == ""


def test_a_file_is_no_device_and_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert found_at(str(tmp_path / "file")) == []
    with pytest.raises(FileNotFoundError):
        found_at(str(tmp_path / "nosuch"))
    with pytest.raises(FileNotFoundError):
        block_numbers(str(tmp_path / "nosuch"))


def test_a_directory_gives_what_is_below_it() -> None:
    found = {node.suffix: node for node in found_at("/dev")}
    assert found["/null"].minor == 3


def test_what_every_container_has_of_its_own_is_left_out() -> None:
    paths = {node.path for node in all_of_host()}
    assert "/dev/null" in paths
    assert not any(path.startswith(("/dev/pts", "/dev/shm")) for path in paths)
    assert "/dev/console" not in paths
