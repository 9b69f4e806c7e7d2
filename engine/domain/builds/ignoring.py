"""`.dockerignore` as the daemon goes by it: clients leave the other files out, but send these two always."""

from __future__ import annotations

import posixpath

import trio

from engine.domain.builds.patterns import META, Pattern
from engine.domain.builds.ports import Tree
from engine.errors import InvalidParameter, NotFound

__all__ = ["apply", "excluded", "read_patterns"]

FILE = ".dockerignore"
LIMIT = 16 << 20
LONGEST = 64 << 10
"""Bytes of a line, as in dockerd."""


async def apply(tree: Tree, dockerfile: str) -> None:
    """Take the Dockerfile and .dockerignore out of the context where the patterns say so."""
    try:
        data = await tree.read(FILE, LIMIT)
    except NotFound:
        return
    gone = await trio.to_thread.run_sync(_gone, data, (FILE, dockerfile), abandon_on_cancel=True)
    for name in gone:
        await tree.remove(name)


def _gone(data: bytes, names: tuple[str, ...]) -> list[str]:
    patterns = read_patterns(data)
    return [name for name in names if excluded(name, patterns)]


def read_patterns(data: bytes) -> list[str]:
    """Cleaned, comments and blank lines gone; an exception keeps its `!`."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    found = []
    for line in text.split("\n"):
        if len(line) >= LONGEST:
            raise InvalidParameter("error reading .dockerignore: bufio.Scanner: token too long")
        if line.startswith("#"):
            continue
        pattern = line.strip()
        inverted = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip() if inverted else pattern
        if pattern:
            pattern = posixpath.normpath(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern.lstrip("/")
        if pattern or inverted:
            found.append(f"!{pattern}" if inverted else pattern)
    return found


def excluded(path: str, patterns: list[str]) -> bool:
    """The last pattern that matches the path, or a directory above it, decides. InvalidParameter."""
    path = posixpath.normpath(path)
    parents = [*_parents(path)]
    found = False
    for pattern in patterns:
        inverted = pattern.startswith("!")
        text = pattern.removeprefix("!")
        if not text:
            raise InvalidParameter('illegal exclusion pattern: "!"')
        if found is not inverted:
            continue  # it would change nothing
        if _meets(text, path, parents):
            found = not inverted
    return found


def _meets(text: str, path: str, parents: list[str]) -> bool:
    meta = META.search(text)
    if meta is None:
        return text == path or text in parents
    if not path.startswith(text[: meta.start()]) and "[" not in text:
        return False
    pattern = Pattern(text)
    return pattern.matches(path) or any(pattern.matches(each) for each in parents)


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
