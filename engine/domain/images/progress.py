"""The messages of a progress stream, as dockerd words them."""

from __future__ import annotations

from typing import Any

__all__ = ["layer_progress", "status", "stream"]

Message = dict[str, Any]
_WIDTH = 50
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def stream(text: str) -> Message:
    return {"stream": f"{text}\n"}


def status(text: str) -> Message:
    return {"status": text}


def layer_progress(diff_id: str, current: int, total: int) -> Message:
    """A bar for `docker load`; sizes in bytes."""
    return {
        "status": "Loading layer",
        "progressDetail": {"current": current, "total": total},
        "progress": f"{_bar(current, total)}  {_human(current)}/{_human(total)}",
        "id": diff_id.removeprefix("sha256:")[:12],
    }


def _bar(current: int, total: int) -> str:
    done = min(_WIDTH, _WIDTH * current // total) if total else _WIDTH
    return f"[{'=' * done}>{' ' * (_WIDTH - done)}]"


def _human(size: float) -> str:
    """Four significant digits in decimal units, as docker/go-units' HumanSize."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.4g}{unit}"
