"""The files of a rotated log: PATH is the newest, then PATH.1, PATH.2 (or .gz) and so on."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil

_BLOCK = 64 * 1024


def rotated_paths(path: str) -> list[str]:
    """The log's existing files, oldest first, the one being written last."""
    paths = [path] if os.path.exists(path) else []
    number = 1
    while older := _existing(f"{path}.{number}"):
        paths.insert(0, older)
        number += 1
    return paths


def shift(path: str, max_file: int) -> None:
    """Makes room at PATH: each file moves to the next number, the oldest goes."""
    for stale in (f"{path}.{max_file - 1}", f"{path}.{max_file - 1}.gz"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(stale)
    for number in range(max_file - 1, 1, -1):
        if older := _existing(f"{path}.{number - 1}"):
            suffix = ".gz" if older.endswith(".gz") else ""
            os.replace(older, f"{path}.{number}{suffix}")
    with contextlib.suppress(FileNotFoundError):
        if max_file > 1:
            os.replace(path, f"{path}.1")
        else:
            # Not truncated as dockerd does: who still reads the old file reads it to its end.
            os.unlink(path)


def compress(path: str) -> None:
    """Replaces PATH by PATH.gz. A crash in between leaves PATH and a stray .tmp, nothing else."""
    with open(path, "rb") as source, open(f"{path}.tmp", "wb") as target:
        with gzip.GzipFile("", "wb", 6, target) as packed:
            shutil.copyfileobj(source, packed, 256 * 1024)
        os.fchmod(target.fileno(), 0o640)
    os.replace(f"{path}.tmp", f"{path}.gz")
    os.unlink(path)


def repair(fd: int) -> int:
    """Cuts off a last record that a kill tore; returns the file's size after that."""
    size = end = os.fstat(fd).st_size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(fd, end)
    return end


def _existing(path: str) -> str | None:
    return next((p for p in (path, f"{path}.gz") if os.path.exists(p)), None)
