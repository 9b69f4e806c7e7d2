"""Tags: Go's templates, as far as log tags use them: fields, functions and pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(r'\s*(?:(\|)|(\.\w*)|("(?:[^"\\]|\\.)*")|(-?\d+)|(\w+)|(\S))')

Value = str | int | Mapping[str, str]


class TemplateError(ValueError):
    """The text is Go's."""


def _pad(text: str, before: str, after: str) -> str:
    return " " * int(before) + text + " " * int(after) if text else text


def _index(values: Value, key: str) -> str:
    return values.get(key, "") if isinstance(values, Mapping) else ""


# dockerd's functions for templates, and those of Go's own that make sense in a tag.
FUNCTIONS: dict[str, Callable[..., Value]] = {
    "json": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "pad": _pad,
    "truncate": lambda text, length: text[:length],
    "index": _index,
    "print": lambda *values: "".join(map(str, values)),
    "printf": lambda form, *values: form.replace("%v", "%s").replace("%q", '"%s"') % values,
}


def render(template: str, fields: Mapping[str, Value], *, name: str = "log-tag") -> str:
    """TemplateError with Go's words if the template or one of its fields is wrong."""
    out: list[str] = []
    end = 0
    trim = False
    for action in _ACTION.finditer(template):
        text = template[end : action.start()]
        text = text.lstrip() if trim else text
        out.append(text.rstrip() if action[1] else text)
        out.append(_Action(template, action.start(2), action[2], fields, name).value())
        end, trim = action.end(), bool(action[3])
    rest = template[end:]
    if "{{" in rest:
        raise TemplateError(f"template: {name}:1: unclosed action")
    out.append(rest.lstrip() if trim else rest)
    return "".join(out)


class _Action:
    """One {{...}}: commands with arguments, each one's result being the next one's last argument."""

    def __init__(
        self, template: str, start: int, text: str, fields: Mapping[str, Value], name: str
    ) -> None:
        self._tokens = [match for match in _TOKEN.finditer(text) if match[0].strip()]
        self._start = len(template[:start].encode())
        self._fields = fields
        self._name = name

    def value(self) -> str:
        commands: list[list[re.Match[str]]] = [[]]
        for token in self._tokens:
            if token[1]:
                commands.append([])
            else:
                commands[-1].append(token)
        piped: list[Value] = []
        for command in commands:
            piped = [self._run(command, piped)]
        return str(piped[0])

    def _run(self, command: list[re.Match[str]], piped: list[Value]) -> Value:
        if not command:
            raise TemplateError(f"template: {self._name}:1: missing value for command")
        first = command[0]
        if first[5] is None:
            if len(command) > 1 or piped:
                raise TemplateError(
                    f"template: {self._name}:1: can't give argument to non-function"
                )
            return self._operand(first)
        function = FUNCTIONS.get(first[5])
        if function is None:
            raise TemplateError(f'template: {self._name}:1: function "{first[5]}" not defined')
        try:
            return function(*map(self._operand, command[1:]), *piped)
        except (TypeError, ValueError, AttributeError) as error:
            raise TemplateError(
                f'template: {self._name}:1: executing "{self._name}" at <{first[5]}>: {error}'
            ) from None

    def _operand(self, token: re.Match[str]) -> Value:
        _, field, text, number, _, other = token.groups()
        if text is not None:
            return str(json.loads(text))
        if number is not None:
            return int(number)
        if field is None or field == ".":
            raise TemplateError(
                f'template: {self._name}:1: unexpected "{other or field or token[0].strip()}" in command'
            )
        if field[1:] not in self._fields:
            at = self._start + token.start(2)
            raise TemplateError(
                f'template: {self._name}:1:{at}: executing "{self._name}" at <{field}>: '
                f"can't evaluate field {field[1:]} in type *logger.Info"
            )
        return self._fields[field[1:]]
