"""One pattern of a .dockerignore, matched in time that grows with its length and the path's, and no faster.

The meaning is that of the regular expressions that dockerd makes of patterns, which Go matches without
backtracking. Python's would backtrack: a few stars in somebody's file could stop the daemon for hours.
Here all the places in the pattern where a match may stand are the bits of one number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.errors import InvalidParameter

__all__ = ["Pattern"]

META = re.compile(r"[*?\[\]\\^]")


class Pattern:
    """InvalidParameter for what is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._one: list[Callable[[str], bool] | str] = []
        self._star = self._any = self._directories = 0
        self._masks: dict[str, int] = {}
        self._read()

    def matches(self, path: str) -> bool:
        """All of the path."""
        states = self._arrived(1)
        for char in path:
            states = self._after(states, char)
            if not states:
                return False
        return bool(states >> len(self._one) & 1)

    def _after(self, states: int, char: str) -> int:
        arrivals = (states & self._mask(char)) << 1 | states & self._any
        if char == "/":
            arrivals |= (states & self._directories) << 1
        else:
            arrivals |= states & self._star
        return self._arrived(arrivals) | states & self._directories

    def _arrived(self, states: int) -> int:
        """What may stand for nothing is stepped over; never more than two in a row are left by `_read`."""
        empty = self._star | self._any | self._directories
        states |= (states & empty) << 1
        return states | (states & empty) << 1

    def _mask(self, char: str) -> int:
        """Where this character is what the pattern wants."""
        if char not in self._masks:
            found = 0
            for place, wanted in enumerate(self._one):
                if wanted == char or (callable(wanted) and wanted(char)):
                    found |= 1 << place
            self._masks[char] = found
        return self._masks[char]

    def _read(self) -> None:
        text, at = self._text, 0
        while at < len(text):
            if text.startswith("**", at):
                at += 2
                at += text.startswith("/", at)
                self._add_wild(directories=at < len(text))
            elif text[at] == "*":
                at += 1
                self._add_star()
            elif text[at] == "[":
                at = self._add_class(at)
            elif text[at] == "\\" and at + 1 < len(text):
                self._one.append(text[at + 1])
                at += 2
            else:
                self._one.append(_not_slash if text[at] == "?" else text[at])
                at += 1

    def _add_wild(self, *, directories: bool) -> None:
        """Any number of directories; at the pattern's end anything."""
        if not directories:
            self._any |= 1 << len(self._one)
        elif self._one and self._directories >> len(self._one) - 1 & 1:
            return  # twice in a row is once
        else:
            self._directories |= 1 << len(self._one)
        self._one.append(_never)

    def _add_star(self) -> None:
        self._star |= 1 << len(self._one)
        self._one.append(_never)

    def _add_class(self, at: int) -> int:
        end = self._text.find("]", at + 2)
        try:
            found = re.compile(self._text[at : end + 1] if end > 0 else "[")
        except re.error as error:
            raise InvalidParameter(
                f'error in pattern "{self._text}": syntax error in pattern'
            ) from error
        self._one.append(lambda char: found.fullmatch(char) is not None)
        return end + 1


def _not_slash(char: str) -> bool:
    return char != "/"


def _never(char: str) -> bool:
    del char
    return False
