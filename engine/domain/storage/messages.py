"""What the storage service's mailbox accepts."""

from __future__ import annotations

import msgspec

from engine.models.storage import SweepReport
from supervisors import Request


class Sweep(Request[SweepReport], msgspec.Struct, frozen=True):
    """Take away what has been nobody's for `grace` seconds (None: as configured); `dry_run` only tells."""

    grace: float | None = None
    dry_run: bool = False


Message = Sweep
