from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import ChildSpec, Mailbox, MailWorker, Refusal, Request, Supervisor, Worker
from tests.supervisors.fakes import running, states


class Sleeper(Worker):
    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep_forever()


class Upper(Request[str]):
    def __init__(self, text: str) -> None:
        self.text = text


class Caps(MailWorker[Upper]):
    async def handle(self, message: Upper) -> str:
        await trio.sleep(2)
        if not message.text:
            raise Refusal("nothing to do")
        return message.text.upper()


async def test_a_worker_is_cut_off_when_asked_to_stop(autojump_clock: MockClock) -> None:
    async with running(Supervisor("root", [ChildSpec(name="s", factory=Sleeper)])) as tree:
        assert states(tree) == {"s": "running"}
        before = trio.current_time()
    assert trio.current_time() == before


async def test_a_mail_worker_answers_and_refuses(autojump_clock: MockClock) -> None:
    box: Mailbox[Upper] = Mailbox("caps")
    spec = ChildSpec(name="caps", factory=lambda: Caps(box), mailboxes=(box,))
    async with running(Supervisor("root", [spec])) as tree:
        assert await box.ask(Upper("a")) == "A"
        with pytest.raises(Refusal, match="nothing to do"):
            await box.ask(Upper(""))
        assert tree.status().children[0].restarts == 0


async def test_a_mail_worker_finishes_its_letter_before_it_stops(
    autojump_clock: MockClock,
) -> None:
    box: Mailbox[Upper] = Mailbox("caps")
    got: list[str] = []

    async def ask(text: str) -> None:
        got.append(await box.ask(Upper(text)))

    async with trio.open_nursery() as nursery:
        async with running(Supervisor("root", [ChildSpec(name="c", factory=lambda: Caps(box))])):
            nursery.start_soon(ask, "now")
            await trio.sleep(1)
            nursery.start_soon(ask, "later")
            await trio.sleep(0.5)
        await trio.lowlevel.checkpoint()
        assert got == ["NOW"]
        assert box.depth == 1
        nursery.cancel_scope.cancel()
