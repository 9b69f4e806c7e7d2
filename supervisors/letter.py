"""A message on its way: who asked, whether it was answered, and with what."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from supervisors.errors import Refusal, ServiceCrashed, ServiceStopped

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M")
R_co = TypeVar("R_co", covariant=True)

log = logging.getLogger("supervisors")


class Request(Generic[R_co]):
    """A message that expects an answer of type R: `class Inspect(Request[View])`."""

    __slots__ = ()


class Letter(Generic[M]):
    """A message taken from a mailbox. The first answer counts; later ones go nowhere."""

    __slots__ = (
        "_answered",
        "_asker",
        "_error",
        "_open",
        "_value",
        "answered",
        "asked",
        "asker_left",
        "message",
        "service",
    )

    def __init__(self, message: M, service: str, *, asked: bool) -> None:
        self.message = message
        self.service = service
        self.asked = asked
        self.answered = False
        self.asker_left = False
        self._asker: trio.lowlevel.Task | None = None
        self._open: set[Letter[M]] | None = None
        self._answered: Callable[[], None] | None = None
        self._value: object = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<{'ask' if self.asked else 'tell'} {self.service}: {self.message!r}>"

    def reply(self, value: object = None) -> None:
        """Answer the asker. Without one, or after an earlier answer, do nothing."""
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        """Raise the error in the asker."""
        self._settle(None, error)

    def handling(self) -> Handling:
        """A block at whose end the letter is answered, whatever happens in it.

        A Refusal goes to the asker and is swallowed; any other error makes it ServiceCrashed
        and propagates; cancellation makes it ServiceStopped; no answer given means None.
        """
        return Handling(self)

    def registered(
        self, open_letters: set[Letter[M]], answered: Callable[[], None] | None = None
    ) -> Letter[M]:
        """Keep the letter in the set until it is answered; `answered` is called when that is no failure."""
        self._answered = answered
        if self.asked:
            open_letters.add(self)
            self._open = open_letters
        return self

    async def answer(self, withdraw: Callable[[Letter[M]], None]) -> object:
        """Wait for the answer. `withdraw` is called when the asker stops waiting."""
        if not self.answered:
            self._asker = trio.lowlevel.current_task()

            def leave(_: object) -> trio.lowlevel.Abort:
                self._asker = None
                self.asker_left = True
                withdraw(self)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(leave)
        self.raise_failure()
        return self._value

    def raise_failure(self) -> None:
        """Raise the error that the letter was failed with, if it was."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame

    def _settle(self, value: object, error: BaseException | None) -> None:
        if self.answered:
            return
        self.answered = True
        self._value, self._error = value, error
        if error is None and self._answered is not None:
            self._answered()
        if self._open is not None:
            self._open.discard(self)
            self._open = None
        if self._asker is not None:
            trio.lowlevel.reschedule(self._asker)
            self._asker = None


class Handling:
    """The block of `with letter.handling()`."""

    __slots__ = ("_letter",)

    def __init__(self, letter: Letter[Any]) -> None:
        self._letter = letter

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        letter = self._letter
        if error is None:
            letter.reply(None)
            return False
        if (refusal := refusal_in(error)) is not None:
            if not letter.asked:
                log.warning("%s refused %r: %s", letter.service, letter.message, refusal)
            letter.fail(refusal)
            return True
        if isinstance(error, trio.Cancelled):
            letter.fail(ServiceStopped(letter.service))
        else:
            letter.fail(ServiceCrashed(letter.service, error))
        return False


def refusal_in(error: BaseException) -> Refusal | None:
    """The refusal that the error is. A nursery wraps it in a group; only refusals may be in it."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = [refusal_in(inner) for inner in error.exceptions]
        return found[0] if all(found) else None
    return None
