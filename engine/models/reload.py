"""What a reload of the configuration did, or would do, with each key."""

from __future__ import annotations

from typing import Any

import msgspec


class KeyChange(msgspec.Struct, frozen=True):
    """`verdict` is applied, needs-restart or rejected. Values are shown without their passwords."""

    key: str
    verdict: str
    old: Any = None
    new: Any = None
    reason: str = ""


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """`accepted` false: nothing at all has changed, and `message` says why."""

    accepted: bool
    dry_run: bool
    message: str
    changes: list[KeyChange]
    unchanged: list[str]
