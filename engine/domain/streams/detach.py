"""Detach keys: their syntax, and the filter that finds them in what a terminal sends."""

from __future__ import annotations

from engine.errors import InvalidParameter

DEFAULT_KEYS = b"\x10\x11"  # ctrl-p,ctrl-q
_NAMES = {f"ctrl-{chr(code + 64).lower()}": code for code in range(32)} | {"DEL": 127}


def parse_detach_keys(text: str, *, kind: str = "detach") -> bytes:
    """ "ctrl-p,ctrl-q" or "a,b" as bytes; none given are the default ones.

    `kind` is the word in dockerd's text: "detach" where one attaches, "escape" at an exec.
    """
    if not text:
        return DEFAULT_KEYS
    codes = bytearray()
    for key in text.split(","):
        code = key.encode() if len(key.encode()) == 1 else None
        if code is None and key not in _NAMES:
            raise InvalidParameter(f"Invalid {kind} keys ({text}) provided")
        codes += code if code is not None else bytes([_NAMES[key]])
    return bytes(codes)


class DetachFilter:
    """Holds back what may become the detach keys and lets the rest pass."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = 0  # how many of the keys have come
        self.detached = False

    def feed(self, data: bytes) -> bytes:
        """What passes; once the keys are complete, what follows them is dropped."""
        if not self._keys or self.detached:
            return b"" if self.detached else data
        text = self._keys[: self._held] + data
        found = text.find(self._keys)
        if found >= 0:
            self.detached = True
            self._held = 0
            return text[:found]
        self._held = self._partial(text)
        return text[: len(text) - self._held]

    def flush(self) -> bytes:
        """At the end of the input: what was held back."""
        held, self._held = self._held, 0
        return self._keys[:held]

    def _partial(self, text: bytes) -> int:
        longest = min(len(text), len(self._keys) - 1)
        lengths = range(longest, 0, -1)
        return next((n for n in lengths if text.endswith(self._keys[:n])), 0)
