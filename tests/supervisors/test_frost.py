"""Services that run and do nothing."""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock

from supervisors import (
    ChildSpec,
    Mailbox,
    MailWorker,
    Request,
    ServiceUnavailable,
    Supervisor,
)
from supervisors.frost import LOOK_EVERY
from tests.supervisors.fakes import Stage, node, running, states

PATIENCE = 60.0


class Work(Request[int]):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Slow(MailWorker[Work]):
    """Takes as long as it is told to, and says which incarnation it is."""

    made = 0

    def __init__(self, mailbox: Mailbox[Work]) -> None:
        super().__init__(mailbox)
        Slow.made += 1
        self.number = Slow.made

    async def handle(self, message: Work) -> int:
        await trio.sleep(message.seconds)
        return self.number


def slow(mailbox: Mailbox[Work], patience: float = PATIENCE) -> ChildSpec:
    Slow.made = 0
    return ChildSpec(
        name="slow", factory=lambda: Slow(mailbox), mailboxes=(mailbox,), patience=patience
    )


async def test_frozen_service_restarts_alone_and_answers_again(autojump_clock: MockClock) -> None:
    mailbox: Mailbox[Work] = Mailbox("slow")
    stage = Stage()
    fates: list[str] = []

    async def ask(seconds: float) -> None:
        try:
            fates.append(f"{await mailbox.ask(Work(seconds))}")
        except ServiceUnavailable as error:
            fates.append(str(error))

    async with running(Supervisor("root", [stage.spec("other"), slow(mailbox)])) as tree:
        stage.diary.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, math.inf)
            await trio.sleep(1)
            began = trio.current_time()
            nursery.start_soon(ask, 0)
        assert PATIENCE < trio.current_time() - began <= PATIENCE + 2 * LOOK_EVERY + 1
        assert fates == ["slow does not answer: it has stopped", "2"]
        assert states(tree) == {"other": "running", "slow": "running"}
        assert (node(tree, "slow").restarts, node(tree, "other").restarts) == (1, 0)
        assert "Frozen: root/slow has taken no mail for" in (node(tree, "slow").last_error or "")
        assert stage.diary.take() == []


async def test_who_works_off_its_mail_is_not_frozen_however_long_that_takes(
    autojump_clock: MockClock,
) -> None:
    mailbox: Mailbox[Work] = Mailbox("slow")
    async with running(Supervisor("root", [slow(mailbox)])) as tree:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(mailbox.ask, Work(PATIENCE - 1))
        assert node(tree, "slow").restarts == 0


async def test_who_has_no_mail_or_endless_patience_is_left_alone(autojump_clock: MockClock) -> None:
    mailbox: Mailbox[Work] = Mailbox("slow")
    async with running(Supervisor("root", [slow(mailbox, math.inf)])) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mailbox.ask, Work(1000))
            nursery.start_soon(mailbox.ask, Work(0))
        assert node(tree, "slow").restarts == 0
    mailbox = Mailbox("slow")
    async with running(Supervisor("root", [slow(mailbox)])) as tree:
        assert await mailbox.ask(Work(1000)) == 1
        assert node(tree, "slow").restarts == 0


async def test_mail_that_waited_for_a_service_counts_from_its_start(
    autojump_clock: MockClock,
) -> None:
    mailbox: Mailbox[Work] = Mailbox("slow")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.tell, Work(PATIENCE - 1))
        nursery.start_soon(mailbox.tell, Work(0))
        await trio.sleep(10 * PATIENCE)
        async with running(Supervisor("root", [slow(mailbox)])) as tree:
            await trio.sleep(2 * PATIENCE)
            assert node(tree, "slow").restarts == 0
