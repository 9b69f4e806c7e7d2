"""The errors of the tree: answers that spare a service, and the ends that a supervisor reports."""

from __future__ import annotations


class Refusal(Exception):
    """An error that is an answer: it reaches the asker and spares the service that raised it."""


class ServiceUnavailable(Refusal):
    """No answer can be had from a service now. The API says 503.

    It is a refusal, so that a service whose own question got it passes it on and lives.
    """

    def __init__(self, service: str, text: str) -> None:
        super().__init__(text)
        self.service = service


class MailboxFull(ServiceUnavailable):
    """The mailbox had no room within the time that the sender would wait."""

    def __init__(self, service: str) -> None:
        super().__init__(service, f"{service} is too busy: its mailbox is full")


class ServiceCrashed(ServiceUnavailable):
    """The service took the message and crashed before it answered."""

    def __init__(self, service: str, cause: BaseException | None = None) -> None:
        super().__init__(service, f"{service} crashed before it could answer")
        self.cause = cause
        self.__cause__ = cause


class ServiceStopped(ServiceUnavailable):
    """The service has stopped, or is stopping, and will not answer."""

    def __init__(self, service: str, reason: str = "it has stopped") -> None:
        super().__init__(service, f"{service} does not answer: {reason}")
        self.reason = reason


class UnknownChild(Refusal):
    """A supervisor has no child of that name (any more)."""

    def __init__(self, supervisor: str, name: str) -> None:
        super().__init__(f"{supervisor} has no child {name}")


class DuplicateChild(Refusal):
    """A supervisor has a child of that name already, perhaps one that is still stopping."""

    def __init__(self, supervisor: str, name: str) -> None:
        super().__init__(f"{supervisor} has a child {name} already")


class ChildInUse(Refusal):
    """Other children depend on the one that was to be removed."""

    def __init__(self, supervisor: str, name: str) -> None:
        super().__init__(f"other children of {supervisor} depend on {name}")


class BadTree(ValueError):
    """The children's specs don't make a tree: a name twice, an unknown dependency, a cycle."""


class StartTimeout(Exception):
    """A child did not say started() in its time."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} did not start within {seconds:g} s")


class Frozen(Exception):
    """A service has not taken its mail for too long, and was cut off."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} has taken no mail for {seconds:.0f} s")


class UnexpectedEnd(Exception):
    """A child returned though nobody had asked it to stop."""

    def __init__(self, child: str) -> None:
        super().__init__(f"{child} ended without having been asked to stop")


class IntensityExceeded(Exception):
    """A supervisor gives up: its children crash too often."""

    def __init__(self, supervisor: str, last_error: BaseException) -> None:
        super().__init__(f"{supervisor} gave up restarting; the last error: {describe(last_error)}")
        self.supervisor = supervisor
        self.last_error = last_error


def describe(error: BaseException) -> str:
    """One line for the operator. A group of one is told as the one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
