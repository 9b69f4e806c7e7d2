from __future__ import annotations

from typing import Any

import trio

from engine.domain.builds.output import Sink, Talk, short


async def test_a_quiet_build_speaks_of_its_failure_only() -> None:
    send, receive = trio.open_memory_channel[Any](10)
    sink = Sink(send, quiet=True)
    talk = Talk(sink)
    await talk.say("a")
    await talk.warn("b")
    await talk.aux("id")
    assert receive.statistics().current_buffer_used == 0
    await sink.tell({"stream": "x"})
    await sink.failed()
    send.close()
    assert [each async for each in receive] == [
        {"stream": "x"},
        {"stream": "a"},
        {"stream": "\x1b[91mb\x1b[0m"},
        {"aux": {"ID": "id"}},
    ]


def test_ids_are_shortened() -> None:
    assert short("sha256:" + "a" * 64) == "a" * 12


async def test_a_voice_is_kept_until_its_turn() -> None:
    send, receive = trio.open_memory_channel[Any](10)
    talk = Talk(Sink(send, quiet=False), at_once=False)
    await talk.say("a")
    assert receive.statistics().current_buffer_used == 0
    await talk.begin()
    await talk.say("b")
    send.close()
    assert [each["stream"] async for each in receive] == ["a", "b"]
