"""Signal names and numbers in an image's config."""

from __future__ import annotations

import signal

from engine.errors import InvalidParameter

__all__ = ["check_signal"]


def check_signal(text: str) -> None:
    """A number or a name with or without SIG; raises InvalidParameter with moby's text."""
    name = text.upper().removeprefix("SIG")
    real_time = name.startswith(("RTMIN+", "RTMAX-")) and name[6:].isdecimal()
    known = f"SIG{name}" in signal.Signals.__members__ or real_time
    if not known and not (text.isdecimal() and 0 < int(text) < signal.NSIG):
        raise InvalidParameter(f"invalid signal: {text}")
