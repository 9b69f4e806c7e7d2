"""What the storage service's mailbox accepts."""

from __future__ import annotations

from dataclasses import dataclass

from engine.models.storage import SweepReport
from supervisors import Request


@dataclass(frozen=True, slots=True)
class Sweep(Request[SweepReport]):
    """Take away what has been nobody's for `grace` seconds (None: as configured); `dry_run` only tells."""

    grace: float | None = None
    dry_run: bool = False


Message = Sweep
