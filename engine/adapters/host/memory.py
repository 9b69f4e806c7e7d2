"""The process's own memory: few arenas, and a collector that leaves alone what lives for ever."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8
ARENAS = 1
"""glibc gives each thread an arena of its own; our threads wait for the disk, not for malloc."""
YOUNGEST = 5_000
"""Objects between two collections of the youngest. Python's 700 is a few requests."""


def economize() -> None:
    """Before the first thread. Without glibc there is nothing to set."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def settle() -> None:
    """Once everything is up: what is there stays, and what is free goes back.

    A full collection of all modules would hold the loop for 40 ms.
    """
    gc.freeze()
    gc.set_threshold(YOUNGEST, *gc.get_threshold()[1:])
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
