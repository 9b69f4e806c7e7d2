"""The supervision tree: services, mailboxes, restarts, on trio alone."""

from __future__ import annotations

from supervisors.errors import (
    BadTree,
    ChildInUse,
    DuplicateChild,
    IntensityExceeded,
    MailboxFull,
    Refusal,
    ServiceCrashed,
    ServiceStopped,
    ServiceUnavailable,
    StartTimeout,
    UnexpectedEnd,
    UnknownChild,
)
from supervisors.letter import Letter, Request
from supervisors.mailbox import AnyMailbox, Inbox, Mailbox
from supervisors.roster import OnChange
from supervisors.spec import ChildSpec, Restart, Service, Strategy
from supervisors.status import MailboxStats, Node, State
from supervisors.tree import Supervisor
from supervisors.worker import MailWorker, Worker

__all__ = [
    # specs
    "ChildSpec",
    "Restart",
    "Service",
    "Strategy",
    "Worker",
    "MailWorker",
    # the tree
    "Supervisor",
    "OnChange",
    "Node",
    "State",
    # mail
    "AnyMailbox",
    "Inbox",
    "Letter",
    "Mailbox",
    "MailboxStats",
    "Request",
    # errors
    "Refusal",
    "ServiceUnavailable",
    "MailboxFull",
    "ServiceCrashed",
    "ServiceStopped",
    "UnknownChild",
    "DuplicateChild",
    "ChildInUse",
    "BadTree",
    "StartTimeout",
    "UnexpectedEnd",
    "IntensityExceeded",
]
