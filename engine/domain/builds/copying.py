"""COPY and ADD: what is picked where, the hash that names the step, and the layer that it makes."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence

from engine.domain.builds.downloads import download
from engine.domain.builds.instructions import Copy
from engine.domain.builds.ports import Order, Picked, Tree
from engine.domain.builds.state import StageState
from engine.domain.builds.work import Work
from engine.domain.images.facade import Image, Space
from engine.errors import InvalidParameter, prefixed

__all__ = ["Copying", "is_url"]

Found = list[tuple[Tree, Picked]]
_HEREDOC = re.compile(r"<<-?[\"']?([^\"']+)[\"']?\Z")


class Copying:
    """One COPY or ADD, its words filled in."""

    def __init__(self, copy: Copy, state: StageState, work: Work) -> None:
        self._copy = copy
        self._work = work
        self._heredocs = {each.name: each for each in copy.heredocs}
        self._state = state
        self.sources = [self._word(each) for each in copy.sources]
        self.target = state.word(copy.target)
        self.chown = state.word(copy.chown)
        self._found: Found = []

    def _word(self, text: str) -> str:
        return text if self._heredoc(text) else self._state.word(text)

    def _heredoc(self, text: str) -> str:
        found = _HEREDOC.match(text)
        return found[1] if found and found[1] in self._heredocs else ""

    async def find(self, origin: Image | None) -> str:
        """Look all sources up; the comment that the history has of the step."""
        with prefixed(f"{self._copy.name} failed: "):
            for source in self.sources:
                self._found += await self._pick(source, origin)
            if not self._found:
                raise InvalidParameter("no source files were specified")
        if len(self._found) > 1 and not self.target.endswith("/"):
            raise InvalidParameter(
                f"When using {self._copy.name} with more than one source file, the destination"
                " must be a directory and end with a /"
            )
        chown = f"--chown={self.chown}" if self.chown else ""
        return f"{self._copy.name} {chown}{self._hash()} in {self.target} "

    async def _pick(self, source: str, origin: Image | None) -> Found:
        if name := self._heredoc(source):
            return await self._inline(name)
        if is_url(source):
            if self._copy.name == "COPY":
                raise InvalidParameter("source can't be a URL for COPY")
            return await self._download(source)
        tree = await self._work.tree_of(origin) if origin else self._work.context
        if tree is None:
            raise InvalidParameter("missing build context")
        return [(tree, each) for each in await tree.pick(source)]

    async def _inline(self, name: str) -> Found:
        heredoc = self._heredocs[name]
        content = heredoc.content
        if not heredoc.quoted:
            content = "".join(
                _filled(line, self._state) for line in content.splitlines(keepends=True)
            )
        directory = self._work.workshop.directory(self._work.id, f"inline-{self._work.number()}")
        _, tree = await self._work.stack.enter_async_context(directory)
        return [(tree, await tree.add(name, content.encode("utf-8", "surrogateescape")))]

    async def _download(self, url: str) -> Found:
        return [await download(url, self.target, self._work)]

    def _hash(self) -> str:
        hashes = [picked.hash for _, picked in self._found]
        if len(hashes) == 1:
            return hashes[0]
        return f"multi:{hashlib.sha256(','.join(hashes).encode()).hexdigest()}"

    async def put(self, space: Space, *, keep: bool) -> None:
        """Fill the layer. `keep`: owners are as in the image that it comes from."""
        order = Order(
            target=_absolute(self.target, self._state.config.working_dir),
            unpack=self._copy.name == "ADD",
            chown=self.chown,
            keep=keep and not self.chown,
        )
        for tree, group in _grouped(self._found):
            await self._work.workshop.copy(tree, group, space.mounts, order)


def is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _grouped(found: Found) -> list[tuple[Tree, Sequence[Picked]]]:
    """Neighbours of one tree together: one mount for all."""
    groups: list[tuple[Tree, list[Picked]]] = []
    for tree, picked in found:
        if not groups or groups[-1][0] is not tree:
            groups.append((tree, []))
        groups[-1][1].append(picked)
    return list(groups)


def _absolute(target: str, working_directory: str) -> str:
    if target.startswith("/"):
        return target
    joined = posixpath.normpath(posixpath.join("/", working_directory, target))
    slash = target.endswith(("/", "/.")) or target == "."
    return joined.rstrip("/") + "/" if slash else joined


def _filled(line: str, state: StageState) -> str:
    """Variables of a heredoc's line; quotes mean nothing there."""
    variables = state.variables()

    def value(found: re.Match[str]) -> str:
        name, kind, word = found["plain"] or found["name"], found["kind"], found["word"] or ""
        known = variables.get(name, "")
        if kind == ":-":
            return known or word
        if kind == ":+":
            return word if known else ""
        return known

    return _VARIABLE.sub(value, line)


_VARIABLE = re.compile(
    r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<kind>:[-+])(?P<word>[^}]*))?\})"
)
