"""A daemon whose wall clock can be set: the engine's own entry, with `time.time` and `time.time_ns` moved.

Run as `python -m tests.harness.shifted` with the daemon's arguments. The file that `TRIMARAN_CLOCK` names
says by how many seconds. containerd's clock stays as it is, as do the clocks that spans are measured by.
"""

from __future__ import annotations

import os
import sys
import time


def shift(path: str) -> None:
    """Move the clock from now on, and with the file."""
    told, told_ns = time.time, time.time_ns

    def ahead() -> int:
        with open(path) as file:
            return int(file.read() or 0)

    time.time = lambda: told() + ahead()
    time.time_ns = lambda: told_ns() + ahead() * 1_000_000_000


if __name__ == "__main__":
    shift(os.environ["TRIMARAN_CLOCK"])
    import engine.__main__ as entry

    sys.exit(entry.main())
