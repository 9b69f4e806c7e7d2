"""The process's own memory: few arenas, and a collector that leaves alone what lives for ever."""

from __future__ import annotations

import ctypes
import gc
import re
import resource
from collections.abc import Iterator
from pathlib import Path

_M_ARENA_MAX = -8
_MADV_DONTNEED = 4
_MAPPING = re.compile(
    r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9]\d* +/[^\n]*\n"
    r"(?:[A-Z][^\n]*\n)*?Anonymous: +(?P<anonymous>\d+) kB$",
    re.MULTILINE,
)
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
    release()


def release() -> None:
    """Give back what is free on the heap, and the libraries' code that only the start needed.

    A page of code that is needed again is mapped again from the page cache: a minor fault.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    trim = getattr(libc, "malloc_trim", None)
    if trim is not None:
        trim(0)
    for start, length in _code(Path("/proc/self/smaps").read_text()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_DONTNEED)


def resident() -> int:
    """Bytes of the process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _code(smaps: str) -> Iterator[tuple[int, int]]:
    """Where libraries are mapped that nobody can have written to: start and length in bytes."""
    for entry in _MAPPING.finditer(smaps):
        if int(entry["anonymous"]) == 0:
            start = int(entry["start"], 16)
            yield start, int(entry["end"], 16) - start
