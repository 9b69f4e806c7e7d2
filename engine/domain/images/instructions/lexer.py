"""The Dockerfile's lexical rules: lines, words, quotes, `$` expansion, JSON command lines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from engine.errors import InvalidParameter

__all__ = ["command_line", "expand", "logical_lines", "name_values", "words"]

_WORD = re.compile(r"""(?:\\.|'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|[^\s\\'"]|\\\Z)+""", re.S)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#]")


def logical_lines(text: str) -> list[str]:
    """Instructions, one each: comments and blank lines gone, continuations joined."""
    lines: list[str] = []
    pending = ""
    for line in text.split("\n"):
        if line.lstrip().startswith("#") or (not pending and not line.strip()):
            continue
        body = line.rstrip()
        if body.endswith("\\") and not body.endswith("\\\\"):
            pending += body[:-1]
            continue
        lines.append((pending + body).strip())
        pending = ""
    if pending.strip():
        lines.append(pending.strip())
    return lines


def words(text: str) -> list[str]:
    """Split at white space outside quotes; the quotes and escapes stay in."""
    return _WORD.findall(text)


def command_line(text: str) -> tuple[list[str], bool]:
    """The exec form and True, or the shell form as one word and False."""
    if text.lstrip().startswith("["):
        try:
            parsed = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            return [text], False
        if not all(isinstance(each, str) for each in parsed):
            raise InvalidParameter(
                "when using JSON array syntax, arrays must be comprised of strings only"
            )
        return parsed, True
    return ([text] if text else []), False


def name_values(instruction: str, text: str) -> list[tuple[str, str]]:
    """`k=v k2="v 2"`, or the old form `k the rest`; not yet expanded."""
    found = words(text)
    if not found:
        raise InvalidParameter(f"{instruction} requires at least one argument")
    if "=" not in found[0]:
        name, _, value = text.partition(" ")
        if not value:
            raise InvalidParameter(f"{instruction} must have two arguments")
        return [(name, value.strip())]
    pairs: list[tuple[str, str]] = []
    for word in found:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidParameter(
                f"Syntax error - can't find = in {_quoted(word)}. Must be of the form: name=value"
            )
        if not name:
            raise InvalidParameter(f"{instruction} names can not be blank")
        pairs.append((name, value))
    return pairs


def expand(text: str, environment: Mapping[str, str], escape: str = "\\") -> str:
    """Quotes taken off and variables filled in, as moby's shell lexer does."""
    return _Expansion(text, environment, escape).run()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class _Expansion:
    def __init__(self, text: str, environment: Mapping[str, str], escape: str) -> None:
        self._text = text
        self._environment = environment
        self._escape = escape
        self._at = 0

    def run(self) -> str:
        return self._until("")

    def _until(self, stop: str) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            char = self._take()
            if char == stop:
                return "".join(out)
            if char == "'":
                out.append(self._single())
            elif char == '"':
                out.append(self._double())
            elif char == "$":
                out.append(self._variable())
            elif char == self._escape:
                out.append(self._take() if self._at < len(self._text) else "")
            else:
                out.append(char)
        if stop:
            raise self._failure("syntax error: missing '}'")
        return "".join(out)

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise self._failure(
                "unexpected end of statement while looking for matching single-quote"
            )
        start, self._at = self._at, end + 1
        return self._text[start:end]

    def _double(self) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            char = self._take()
            if char == '"':
                return "".join(out)
            if char == "$":
                out.append(self._variable())
            elif char == self._escape and self._text[self._at : self._at + 1] in (
                '"',
                "$",
                self._escape,
            ):
                out.append(self._take())
            else:
                out.append(char)
        raise self._failure("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        braced = self._text[self._at : self._at + 1] == "{"
        name = _NAME.match(self._text, self._at + braced)
        if name is None:
            if braced:
                raise self._failure("syntax error: bad substitution")
            return "$"
        self._at = name.end()
        value = self._environment.get(name[0], "")
        return self._modified(value) if braced else value

    def _modified(self, value: str) -> str:
        """What follows a name in braces: `}`, `:-word}` or `:+word}`."""
        head = self._text[self._at : self._at + 2]
        if head[:1] == "}":
            self._at += 1
            return value
        if head[:1] != ":":
            raise self._failure("missing ':' in substitution")
        if head not in (":-", ":+"):
            raise self._failure(f"unsupported modifier ({head[1:]}) in substitution")
        self._at += 2
        word = self._until("}")
        if head == ":-":
            return value or word
        return word if value else ""

    def _failure(self, reason: str) -> InvalidParameter:
        return InvalidParameter(f"failed to process {_quoted(self._text)}: {reason}")
