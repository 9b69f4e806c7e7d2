"""The messages of a progress stream, as dockerd words them."""

from __future__ import annotations

from typing import Any

__all__ = [
    "Message",
    "aux",
    "elapsed",
    "layer_bar",
    "layer_progress",
    "layer_status",
    "short",
    "status",
    "stream",
]

Message = dict[str, Any]
_WIDTH = 50
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def stream(text: str) -> Message:
    return {"stream": f"{text}\n"}


def status(text: str) -> Message:
    return {"status": text}


def short(digest: str) -> str:
    """What a layer is called in a progress stream."""
    return digest.removeprefix("sha256:")[:12]


def aux(value: Any) -> Message:
    return {"progressDetail": {}, "aux": value}


def layer_status(digest: str, text: str) -> Message:
    return {"status": text, "progressDetail": {}, "id": short(digest)}


def layer_bar(digest: str, text: str, current: int, total: int) -> Message:
    """The bar of a download or upload; sizes in bytes."""
    return _bar_message(text, digest, current, total)


def elapsed(digest: str, text: str, seconds: int) -> Message:
    """For work whose end is not in sight, as docker's containerd store shows it."""
    return {
        "status": text,
        "progressDetail": {"current": seconds, "units": "s"},
        "progress": f"{seconds} s",
        "id": short(digest),
    }


def layer_progress(diff_id: str, current: int, total: int) -> Message:
    """A bar for `docker load`; sizes in bytes."""
    return _bar_message("Loading layer", diff_id, current, total)


def _bar_message(text: str, digest: str, current: int, total: int) -> Message:
    return {
        "status": text,
        "progressDetail": {"current": current, "total": total},
        "progress": f"{_bar(current, total)} {_numbers(current, total)}",
        "id": short(digest),
    }


def _bar(current: int, total: int) -> str:
    done = min(_WIDTH, _WIDTH * current // total) if total else _WIDTH
    return f"[{'=' * done}>{' ' * (_WIDTH - done)}]"


def _numbers(current: int, total: int) -> str:
    """As docker's jsonmessage: of what is larger than was thought, only how far it is."""
    return f"{_human(current):>8}" + (f"/{_human(total)}" if current <= total else "")


def _human(size: float) -> str:
    """Four significant digits in decimal units, as docker/go-units' HumanSize."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.4g}{unit}"
