from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from quart_trio import QuartTrio

from engine.api.routes import event_streams
from engine.command import __main__ as command
from engine.command import events as module
from engine.command.client import Unreachable
from engine.command.events import WINDOW, Discontinued, Follower, Unread, query
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Events
from tests.engine.api.serving import serving
from tests.fakes.event_log import FakeEventLog, numbered


async def true(condition: Callable[[], bool]) -> None:
    """Wait for what a thread does, or the other end of a socket."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.005)


class Log:
    """What several daemons in turn serve."""

    def __init__(self, *actions: str, engine: str = "engine-1") -> None:
        self.engine = engine
        self.log = FakeEventLog()
        self.bus = EventBus(self.log)
        self.happen(*actions)

    def happen(self, *actions: str) -> None:
        first = self.bus.head + 1
        events = [
            numbered(first + n, action=each, time_ns=time.time_ns())
            for n, each in enumerate(actions)
        ]
        self.log.events += events
        self.bus.committed(events)

    def register(self, app: QuartTrio) -> None:
        event_streams.register(app, Events(self.bus), self.engine)


class Printed:
    """The lines that came, and who waits for them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    @property
    def numbers(self) -> list[int]:
        return [json.loads(each)["seq"] for each in self.lines]

    async def until(self, count: int) -> None:
        await true(lambda: len(self.lines) >= count)


@asynccontextmanager
async def following(path: Path, printed: Printed, **asked: str) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Follower(str(path), asked, printed.write).run)
        yield
        nursery.cancel_scope.cancel()


def test_query_is_what_the_daemon_takes() -> None:
    assert query("seq:4", "", ["event=die", "event=start", "label=a=b"], follow=True) == {
        "since": "seq:4",
        "filters": '{"event":["die","start"],"label":["a=b"]}',
    }
    assert query("", "", [], follow=True) == {}
    replay = query("", "", [], follow=False)
    assert replay["since"] == "0"
    assert float(replay["until"]) == pytest.approx(time.time(), abs=60)
    with pytest.raises(ValueError, match="invalid filter die: it is NAME=VALUE"):
        query("", "", ["die"], follow=True)


async def test_restart_of_the_daemon_costs_no_event_and_repeats_none(tmp_path: Path) -> None:
    log, printed = Log("create"), Printed()
    follower = Follower(str(tmp_path / "s"), {"since": "seq:0"}, printed.write)

    async def first_daemon() -> None:
        async with serving(log.register, tmp_path / "s"):
            await printed.until(1)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first_daemon)
            await true((tmp_path / "s").exists)
            nursery.start_soon(follower.run)
            await printed.until(1)
            await true(lambda: not (tmp_path / "s").exists())
            for _ in range(2):
                async with serving(log.register, tmp_path / "s"):
                    log.happen("start", "die")
                    await printed.until(len(log.log.events))
                log.happen("while", "away")
            async with serving(log.register, tmp_path / "s"):
                await printed.until(len(log.log.events))
                nursery.cancel_scope.cancel()
    assert printed.numbers == list(range(1, len(log.log.events) + 1))


async def test_more_than_a_window_comes_because_what_was_printed_is_given_back(
    tmp_path: Path,
) -> None:
    log, printed = Log(*["start"] * (3 * WINDOW)), Printed()
    at = tmp_path / "s"
    async with serving(log.register, at), following(at, printed, since="seq:0"):
        await printed.until(3 * WINDOW)
    assert printed.numbers == list(range(1, 3 * WINDOW + 1))


async def test_from_now_on_is_from_the_hello_on(tmp_path: Path) -> None:
    log, printed = Log("create"), Printed()
    async with serving(log.register, tmp_path / "s"), following(tmp_path / "s", printed):
        await true(lambda: log.bus.listeners > 0)
        log.happen("start")
        await printed.until(1)
    assert printed.numbers == [2]


async def test_another_engine_is_an_end(tmp_path: Path) -> None:
    log, printed = Log("create"), Printed()
    other = Log("create", "start", engine="engine-2")

    async def change() -> None:
        async with serving(log.register, tmp_path / "s"):
            await printed.until(1)
        async with serving(other.register, tmp_path / "s"):
            await done.wait()

    done = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        await true((tmp_path / "s").exists)
        with pytest.raises(Discontinued, match="engine engine-2 answers now"):
            await Follower(str(tmp_path / "s"), {"since": "seq:0"}, printed.write).run()
        done.set()
    assert printed.numbers == [1]


async def test_number_to_come_is_an_end(tmp_path: Path) -> None:
    async with serving(Log("create").register, tmp_path / "s"):
        with pytest.raises(Discontinued, match="event 9 is not there: the newest"):
            await Follower(str(tmp_path / "s"), {"since": "seq:9"}, print).run()


async def test_refusal_is_told_in_the_daemons_words(tmp_path: Path) -> None:
    async with serving(Log().register, tmp_path / "s"):
        with pytest.raises(Discontinued, match="invalid filter 'colour'"):
            await Follower(
                str(tmp_path / "s"), query("", "", ["colour=red"], follow=True), print
            ).run()


async def test_replay_ends(tmp_path: Path) -> None:
    log, printed = Log("create", "start"), Printed()
    async with serving(log.register, tmp_path / "s"):
        asked = query("", "", [], follow=False)
        await Follower(str(tmp_path / "s"), asked, printed.write).run()
    assert printed.numbers == [1, 2]


async def test_nobody_there_at_first_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no daemon answers at"):
        await Follower(str(tmp_path / "s"), {}, print).run()


async def test_reader_of_the_output_that_goes_ends_it(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise BrokenPipeError

    async with serving(Log("create").register, tmp_path / "s"):
        with pytest.raises(Unread):
            await Follower(str(tmp_path / "s"), {"since": "seq:0"}, refuse).run()


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Discontinued("another engine"), 1, "trimaran: another engine\n"),
        (Unreachable("nobody"), 2, "trimaran: nobody\n"),
        (KeyboardInterrupt(), 130, ""),
        (BaseExceptionGroup("", [KeyboardInterrupt()]), 130, ""),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    text: str,
) -> None:
    def fail(path: str, asked: dict[str, str]) -> None:
        raise error

    monkeypatch.setattr(module, "run", fail)
    assert command.main(["events", "--follow"]) == code
    assert capsys.readouterr().err == text


def test_command_line_reaches_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, dict[str, str]]] = []
    take: Callable[[str, dict[str, str]], None] = lambda path, asked: seen.append((path, asked))  # noqa: E731
    monkeypatch.setattr(module, "run", take)
    line = ["events", "-f", "--since", "seq:3", "--filter", "type=image", "--socket", "/s"]
    assert command.main(line) == 0
    assert seen == [("/s", {"since": "seq:3", "filters": '{"type":["image"]}'})]
