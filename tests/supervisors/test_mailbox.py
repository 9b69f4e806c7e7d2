from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from supervisors import (
    Inbox,
    Mailbox,
    MailboxFull,
    Refusal,
    Request,
    ServiceCrashed,
    ServiceStopped,
    ServiceUnavailable,
)


@dataclass(frozen=True, slots=True)
class Double(Request[int]):
    number: int


@dataclass(frozen=True, slots=True)
class Note:
    text: str


Mail = Double | Note


async def serve(inbox: Inbox[Mail], count: int) -> None:
    for _ in range(count):
        letter = await anext(inbox)
        with letter.handling():
            assert isinstance(letter.message, Double)
            letter.reply(letter.message.number * 2)


async def ask_and_keep(box: Mailbox[Mail], number: int, got: list[object]) -> None:
    try:
        got.append(await box.ask(Double(number)))
    except Refusal as refusal:
        got.append(refusal)


async def test_an_ask_gets_its_answer(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    async with trio.open_nursery() as nursery:
        with box.open() as inbox:
            nursery.start_soon(serve, inbox, 2)
            assert await box.ask(Double(4)) == 8
            assert await box.ask(Double(5)) == 10


async def test_the_queue_waits_for_a_reader(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_and_keep, box, 1, got)
        await wait_all_tasks_blocked()
        assert (box.depth, got) == (1, [])
        with box.open() as inbox:
            await serve(inbox, 1)
    assert got == [2]
    assert box.depth == 0


async def test_messages_are_taken_in_the_order_they_came(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("notes", capacity=1)
    seen: list[str] = []
    async with trio.open_nursery() as nursery:
        for text in "abcd":
            nursery.start_soon(box.tell, Note(text))
            await wait_all_tasks_blocked()
        with box.open() as inbox:
            while len(seen) < 4:
                message = (await anext(inbox)).message
                assert isinstance(message, Note)
                seen.append(message.text)
    assert seen == ["a", "b", "c", "d"]


async def test_an_ask_without_room_is_refused_at_its_deadline(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("full", capacity=1)
    await box.tell(Note("first"))
    before = trio.current_time()
    with pytest.raises(MailboxFull) as caught:
        await box.ask(Double(1), accept_timeout=3)
    assert trio.current_time() - before == pytest.approx(3)
    assert caught.value.service == "full"
    with pytest.raises(MailboxFull):
        await box.tell(Note("second"), accept_timeout=0)
    assert box.depth == 1


async def test_an_accepted_ask_waits_without_limit(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("slow")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_and_keep, box, 1, got)
        await trio.sleep(1000)
        with box.open() as inbox:
            letter = await anext(inbox)
            await trio.sleep(1000)
            letter.reply(7)
    assert got == [7]


async def test_a_waiting_sender_gets_the_slot_before_a_newcomer(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("full", capacity=1)
    await box.tell(Note("first"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.tell, Note("waiting"))
        await wait_all_tasks_blocked()
        with box.open() as inbox:
            await anext(inbox)
            assert not box.offer(Note("newcomer"))
            assert (await anext(inbox)).message == Note("waiting")


async def test_an_offer_without_room_is_dropped_and_counted() -> None:
    box: Mailbox[Mail] = Mailbox("feed", capacity=2)
    assert [box.offer(Note(text)) for text in "abcd"] == [True, True, False, False]
    stats = box.stats()
    assert (stats.depth, stats.capacity, stats.peak, stats.dropped) == (2, 2, 2, 2)


async def test_the_peak_stays_when_the_queue_has_emptied(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("feed")
    for text in "abc":
        box.offer(Note(text))
    with box.open() as inbox:
        for _ in "abc":
            await anext(inbox)
    assert (box.depth, box.peak) == (0, 3)


async def test_a_queued_ask_whose_asker_left_is_dropped_unstarted(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    with trio.move_on_after(1):
        await box.ask(Double(1))
    assert box.depth == 0
    await box.tell(Note("next"))
    with box.open() as inbox:
        assert (await anext(inbox)).message == Note("next")


async def test_an_ask_that_leaves_gives_its_slot_to_a_waiting_sender(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("full", capacity=1)
    async with trio.open_nursery() as nursery:
        asking = trio.CancelScope()

        async def ask() -> None:
            with asking:
                await box.ask(Double(1))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(box.tell, Note("waiting"))
        await wait_all_tasks_blocked()
        asking.cancel()
    with box.open() as inbox:
        assert (await anext(inbox)).message == Note("waiting")


async def test_an_asker_that_leaves_later_cancels_only_its_waiting(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    done = False
    async with trio.open_nursery() as nursery:

        async def service() -> None:
            nonlocal done
            with box.open() as inbox:
                letter = await anext(inbox)
                with letter.handling():
                    await trio.sleep(5)
                    assert letter.asker_left
                    letter.reply(2)
                    done = True

        nursery.start_soon(service)
        with trio.move_on_after(1) as scope:
            await box.ask(Double(1))
        assert scope.cancelled_caught
        assert not done
    assert done


async def test_letters_taken_and_not_answered_fail_when_the_reader_closes(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    got: list[object] = []
    cause = ValueError("broken")
    async with trio.open_nursery() as nursery:
        for number in (1, 2):
            nursery.start_soon(ask_and_keep, box, number, got)
            await wait_all_tasks_blocked()
        with contextlib.suppress(ValueError), box.open() as inbox:
            late = await anext(inbox)
            raise cause
        await wait_all_tasks_blocked()
        (error,) = got
        assert isinstance(error, ServiceCrashed)
        assert (error.service, error.cause, error.__cause__) == ("doubler", cause, cause)
        late.reply(5)  # too late: goes nowhere
        # The other one waited for the next incarnation.
        with box.open() as inbox:
            await serve(inbox, 1)
    assert got == [error, 4]


async def test_only_one_reader_at_a_time() -> None:
    box: Mailbox[Mail] = Mailbox("doubler")
    with box.open(), pytest.raises(RuntimeError, match="has a reader"), box.open():
        pass
    with box.open():
        pass


async def test_closing_the_inbox_ends_the_iteration_and_keeps_the_queue(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("notes")
    for text in "abc":
        await box.tell(Note(text))
    with box.open() as inbox:
        async for _ in inbox:
            inbox.close()
    assert box.depth == 2
    async with trio.open_nursery() as nursery:
        with box.open() as inbox:
            box._queue.clear()

            async def read() -> None:
                async for _ in inbox:
                    raise AssertionError

            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            inbox.close()


async def test_a_closed_mailbox_refuses_the_queued_the_waiting_and_the_later(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("gone", capacity=1)
    got: list[object] = []

    async def tell() -> None:
        with pytest.raises(ServiceStopped):
            await box.tell(Note("waits"))
        got.append("told")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_and_keep, box, 1, got)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask_and_keep, box, 2, got)
        nursery.start_soon(tell)
        await wait_all_tasks_blocked()
        box.close("the container is removed")
    assert len(got) == 3
    assert "told" in got
    refusals = [one for one in got if isinstance(one, ServiceStopped)]
    assert [one.reason for one in refusals] == ["the container is removed"] * 2
    with pytest.raises(ServiceStopped, match="the container is removed"):
        await box.ask(Double(3))
    with pytest.raises(ServiceStopped):
        await box.tell(Note("later"))
    assert not box.offer(Note("later"))
    with pytest.raises(ServiceStopped), box.open():
        pass


async def test_a_letter_taken_before_the_close_is_still_answered(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("closing")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_and_keep, box, 1, got)
        with box.open() as inbox:
            async for letter in inbox:
                box.close()
                letter.reply(9)
    assert got == [9]


async def test_a_suspended_mailbox_refuses_until_a_reader_opens(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Mail] = Mailbox("away")
    got: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_and_keep, box, 1, got)
        await wait_all_tasks_blocked()
        box.suspend("it is quarantined")
        with pytest.raises(ServiceStopped, match="quarantined"):
            await box.ask(Double(2))
        with box.open() as inbox:
            nursery.start_soon(serve, inbox, 1)
            assert await box.ask(Double(3)) == 6
            box.suspend("not while it has a reader")
            await box.tell(Note("accepted"))
    assert isinstance(got[0], ServiceStopped)


@pytest.mark.parametrize(
    "error", [MailboxFull("s"), ServiceCrashed("s"), ServiceStopped("s")], ids=repr
)
def test_unavailability_is_an_answer(error: ServiceUnavailable) -> None:
    assert isinstance(error, ServiceUnavailable)
    assert isinstance(error, Refusal)
    assert error.service == "s"


async def test_an_ask_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    box: Mailbox[Mail] = Mailbox("doubler")

    class Big(Refusal):
        pass

    async def refuse(inbox: Inbox[Mail]) -> None:
        async for letter in inbox:
            with letter.handling():
                raise Big

    async with trio.open_nursery() as nursery:
        with box.open() as inbox:
            nursery.start_soon(refuse, inbox)
            for _ in range(200):
                with pytest.raises(Big):
                    await box.ask(Double(1))
            gc.collect()
            assert sum(type(one) is Big for one in gc.get_objects()) <= 2
            assert not inbox._open_letters
            inbox.close()
