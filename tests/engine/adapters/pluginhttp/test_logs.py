from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from engine.adapters.pluginhttp.logs import PluginSink, _make, _opened, entry, info_of
from engine.domain.logs.attributes import LogSubject
from engine.domain.logs.ports import Destination, Line
from engine.domain.plugins.facade import Plugins
from engine.errors import SystemFailure
from tests.engine.domain.plugins.fakes import FakePlugins
from tests.harness.plugin import fields_of

SUBJECT = LogSubject(id="c1", name="talker", command="sh -c true", labels={"a": "b"}, env=("X=1",))
DESTINATION = Destination("scribe", {"tag": "t"}, SUBJECT)


def test_entry_is_mobys() -> None:
    found = entry(Line("héllo", "stdout", 1_700_000_000_000_000_001))
    assert int.from_bytes(found[:4], "big") == len(found) - 4
    assert fields_of(found[4:]) == {
        1: b"stdout",
        2: 1_700_000_000_000_000_001,
        3: "héllo".encode(),
    }


@pytest.mark.parametrize(("more", "last"), [(True, {}), (False, {1: 1})])
def test_part_says_which_it_is(more: bool, last: dict[int, int]) -> None:
    found = fields_of(entry(Line("x", "stderr", 1, partial=True, more=more, ordinal=2))[4:])
    assert found[4] == 1
    assert fields_of(found[5]) == {**last, 3: 2}


def test_info_is_mobys() -> None:
    found = info_of(DESTINATION)
    assert (found["ContainerName"], found["ContainerEntrypoint"]) == ("/talker", "sh")
    assert (found["ContainerArgs"], found["Config"]) == (["-c", "true"], {"tag": "t"})


async def test_lines_go_through_a_fifo_that_is_gone_afterwards(tmp_path: Path) -> None:
    host = FakePlugins()
    host.add("scribe", "LogDriver", LogDriver__StartLogging={}, LogDriver__StopLogging={})
    room = Plugins(host, host)
    sink = PluginSink(room, DESTINATION, tmp_path / "logging")
    read: list[bytes] = []

    async def reader() -> None:
        while not (tmp_path / "logging").exists() or not os.listdir(tmp_path / "logging"):  # noqa: ASYNC110 - another process's doing
            await trio.sleep(0.01)
        (name,) = os.listdir(tmp_path / "logging")
        read.append(await trio.to_thread.run_sync((tmp_path / "logging" / name).read_bytes))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader)
            await sink.connect()
            await sink.send(sink.encode([Line("one", "stdout", 1), Line("two", "stdout", 2)]))
            sink.close()
    assert read == [b"".join(sink.encode([Line("one", "stdout", 1), Line("two", "stdout", 2)]))]
    assert os.listdir(tmp_path / "logging") == []
    assert [each.method for each in room._errands.waiting] == ["LogDriver.StopLogging"]


async def test_plugin_that_refuses_is_told_as_it_says(tmp_path: Path) -> None:
    host = FakePlugins()
    host.add("scribe", "LogDriver", LogDriver__StartLogging={"Err": "no space"})
    sink = PluginSink(Plugins(host, host), DESTINATION, tmp_path / "logging")
    with pytest.raises(SystemFailure, match="no space"):
        await sink.connect()
    sink.close()
    assert os.listdir(tmp_path / "logging") == []


def test_fifo_is_made_in_the_plugins_root_whatever_is_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "run").symlink_to(tmp_path)
    (root / tmp_path.relative_to("/")).mkdir(parents=True)
    place = _make(str(root), "/run/logging/f")
    assert os.listdir(root / tmp_path.relative_to("/") / "logging") == ["f"]
    assert not (tmp_path / "logging").exists()
    (tmp_path / "secret").write_text("")
    os.unlink("f", dir_fd=place)
    os.symlink(tmp_path / "secret", "f", dir_fd=place)
    with pytest.raises(OSError, match="symbolic links"):
        _opened(place, "f")
    os.unlink("f", dir_fd=place)
    os.close(os.open("f", os.O_CREAT, dir_fd=place))
    with pytest.raises(OSError, match="no FIFO any more"):
        _opened(place, "f")
    os.close(place)
