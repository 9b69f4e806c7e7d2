from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from supervisors import Letter, Mailbox, Refusal, Request, ServiceCrashed, ServiceStopped
from supervisors.letter import refusal_in


@dataclass(frozen=True, slots=True)
class Fetch(Request[str]):
    key: str = "k"


class Missing(Refusal):
    pass


async def outcome(box: Mailbox[Fetch], got: list[object]) -> None:
    try:
        got.append(await box.ask(Fetch()))
    except Refusal as refusal:
        got.append(refusal)


async def test_a_refusal_reaches_the_asker_and_spares_the_service(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox:
            letter = await anext(inbox)
            with letter.handling():
                raise Missing("no such key")
    assert isinstance(got[0], Missing)
    assert str(got[0]) == "no such key"


async def test_a_refusal_out_of_a_nursery_is_a_refusal(autojump_clock: MockClock) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []

    async def look() -> None:
        raise Missing("deep")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox, (await anext(inbox)).handling():
            async with trio.open_nursery() as inner:
                inner.start_soon(look)
    assert isinstance(got[0], Missing)


async def test_any_other_error_is_a_crash_for_both(autojump_clock: MockClock) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox:
            letter = await anext(inbox)
            with pytest.raises(KeyError), letter.handling():
                raise KeyError("bug")
    (error,) = got
    assert isinstance(error, ServiceCrashed)
    assert error.service == "shelf"
    assert isinstance(error.cause, KeyError)


async def test_a_cancelled_handling_tells_the_asker(autojump_clock: MockClock) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox:
            letter = await anext(inbox)
            with trio.move_on_after(1), letter.handling():
                await trio.sleep_forever()
            await wait_all_tasks_blocked()
            assert isinstance(got[0], ServiceStopped)


async def test_handling_without_an_answer_answers_none(autojump_clock: MockClock) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox, (await anext(inbox)).handling():
            pass
    assert got == [None]


async def test_the_first_answer_counts(autojump_clock: MockClock) -> None:
    box: Mailbox[Fetch] = Mailbox("shelf")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, box, got)
        with box.open() as inbox:
            letter = await anext(inbox)
            letter.reply("first")
            letter.reply("second")
            letter.fail(Missing())
            assert letter.answered
    assert got == ["first"]


async def test_a_service_lives_though_the_one_it_asks_crashed(autojump_clock: MockClock) -> None:
    front: Mailbox[Fetch] = Mailbox("front")
    back: Mailbox[Fetch] = Mailbox("back")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, front, got)

        async def crash() -> None:
            with back.open() as inbox:
                letter = await anext(inbox)
                with pytest.raises(KeyError), letter.handling():
                    raise KeyError("bug")

        nursery.start_soon(crash)
        with front.open() as inbox, (await anext(inbox)).handling():
            await back.ask(Fetch())
    (error,) = got
    assert isinstance(error, ServiceCrashed)
    assert error.service == "back"


async def test_a_refused_tell_is_logged_since_nobody_hears_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    letter = Letter(Fetch("x"), "shelf", asked=False)
    with caplog.at_level(logging.WARNING), letter.handling():
        raise Missing("no such key")
    assert "shelf refused" in caplog.text
    assert "no such key" in caplog.text


def test_a_group_is_a_refusal_only_if_all_in_it_are() -> None:
    missing = Missing()
    assert refusal_in(ExceptionGroup("", [ExceptionGroup("", [missing])])) is missing
    assert refusal_in(ExceptionGroup("", [missing, ValueError()])) is None
    assert refusal_in(ValueError()) is None


def test_a_letter_says_who_is_asked_what() -> None:
    assert repr(Letter(Fetch("x"), "shelf", asked=True)) == "<ask shelf: Fetch(key='x')>"
