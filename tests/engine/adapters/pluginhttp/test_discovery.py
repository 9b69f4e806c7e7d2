from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from engine.adapters.pluginhttp.discovery import HostDirectory
from engine.domain.plugins.ports import Endpoint, PluginTls
from engine.errors import SystemFailure


def directory(path: Path) -> HostDirectory:
    return HostDirectory(path / "run", [path / "etc", path / "usr"])


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def listen(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(path))


async def test_sockets_are_found_flat_and_in_a_directory_of_their_own(tmp_path: Path) -> None:
    listen(tmp_path / "run/flat.sock")
    listen(tmp_path / "run/deep/deep.sock")
    put(tmp_path / "run/file.sock", "no socket")
    found = directory(tmp_path)
    assert await found.names() == ["deep", "flat"]
    flat = await found.find("flat")
    assert flat == Endpoint(name="flat", address=f"unix://{tmp_path}/run/flat.sock")
    deep = await found.find("deep")
    assert deep is not None
    assert deep.address.endswith("/deep/deep.sock")
    assert found.look("flat") == flat
    assert await found.find("file") is None


async def test_files_say_where_plugins_listen(tmp_path: Path) -> None:
    put(tmp_path / "etc/text.spec", "tcp://localhost:8080\n")
    put(tmp_path / "usr/own/own.spec", "unix:///run/own.sock")
    tls = {"CAFile": "/ca", "CertFile": "/cert", "KeyFile": "/key", "InsecureSkipVerify": True}
    put(tmp_path / "usr/json.json", json.dumps({"Addr": "https://example.com:1", "TLSConfig": tls}))
    found = directory(tmp_path)
    assert await found.names() == ["json", "own", "text"]
    text, own, full = [await found.find(each) for each in ("text", "own", "json")]
    assert text == Endpoint(name="text", address="tcp://localhost:8080")
    assert own == Endpoint(name="own", address="unix:///run/own.sock")
    assert full == Endpoint(
        name="json",
        address="tcp://example.com:1",
        tls=PluginTls(ca="/ca", cert="/cert", key="/key", insecure=True),
    )


async def test_socket_goes_before_a_file_of_the_same_name(tmp_path: Path) -> None:
    listen(tmp_path / "run/both.sock")
    put(tmp_path / "etc/both.spec", "tcp://localhost:1")
    found = await directory(tmp_path).find("both")
    assert found is not None
    assert found.address.startswith("unix:")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\0b", "a\n"])
async def test_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    put(tmp_path / "x.spec", "tcp://localhost:1")
    assert await directory(tmp_path).find(name) is None


@pytest.mark.parametrize(("file", "text"), [("a.spec", "ftp://x"), ("a.json", "{"), ("a.spec", "")])
async def test_file_that_makes_no_sense_is_told(tmp_path: Path, file: str, text: str) -> None:
    put(tmp_path / "etc" / file, text)
    with pytest.raises(SystemFailure, match=r'plugin "a": .*etc/a'):
        await directory(tmp_path).find("a")


async def test_directories_need_not_be_there(tmp_path: Path) -> None:
    assert await directory(tmp_path).names() == []
    assert await directory(tmp_path).find("x") is None
