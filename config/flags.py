"""Reads the command line as dockerd's flag library (pflag) does, into the form of daemon.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from config.errors import ConfigError, FlagError
from config.honoured import REMOVED_FLAGS, removed
from config.options import BY_FLAG, BY_SHORT, Option
from config.schema import CONFIG_FILE
from config.values import BOOL

Action = Literal["run", "validate", "version", "help"]


class CommandLine(msgspec.Struct, frozen=True):
    """What the flags say: what to do, and values by (dotted) daemon.json key."""

    action: Action = "run"
    values: dict[str, Any] = {}
    config_file: str = CONFIG_FILE
    config_file_given: bool = False


def parse(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments after the program's name; raises FlagError with dockerd's texts."""
    reader = _Reader(list(arguments))
    reader.read()
    own = reader.own
    action: Action = "run"
    if own.get("help"):
        action = "help"
    elif own.get("version"):
        action = "version"
    elif own.get("validate"):
        action = "validate"
    return CommandLine(
        action, reader.values, own.get("config-file", CONFIG_FILE), "config-file" in own
    )


class _Reader:
    """Walks the arguments; `values` are settings, `own` the flags without a key."""

    def __init__(self, arguments: list[str]) -> None:
        self.rest = arguments
        self.values: dict[str, Any] = {}
        self.own: dict[str, Any] = {}

    def read(self) -> None:
        while self.rest and not self.own.get("help"):
            argument = self.rest.pop(0)
            if argument == "--":
                break
            if argument.startswith("--"):
                self._long(argument)
            elif argument.startswith("-") and argument != "-":
                self._letters(argument)
            else:
                self.rest.insert(0, argument)
                break
        if self.rest and not self.own.get("help"):
            raise FlagError('"trimarand" accepts no argument(s).')

    def _long(self, argument: str) -> None:
        name, equals, text = argument[2:].partition("=")
        if not name or name.startswith("-"):
            raise FlagError(f"bad flag syntax: {argument}")
        if name in REMOVED_FLAGS:
            raise FlagError(str(removed(f"--{name}", REMOVED_FLAGS[name])))
        option = BY_FLAG.get(name)
        if option is None:
            raise FlagError(f"unknown flag: --{name}")
        self._take(option, text if equals else None, f"flag needs an argument: --{name}")

    def _letters(self, argument: str) -> None:
        """`-D`, `-Dl debug`, `-ldebug`, `-l=debug`."""
        letters = argument[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            option = self._by_letter(letter, argument)
            if letters.startswith("="):
                self._take(option, letters[1:], "")
                return
            if option.kind is not BOOL:
                error = f"flag needs an argument: '{letter}' in {argument}"
                self._take(option, letters or None, error)
                return
            self._take(option, None, "")

    def _by_letter(self, letter: str, argument: str) -> Option:
        if letter in REMOVED_FLAGS:
            raise FlagError(str(removed(f"-{letter}", REMOVED_FLAGS[letter])))
        if letter not in BY_SHORT:
            raise FlagError(f"unknown shorthand flag: '{letter}' in {argument}")
        return BY_SHORT[letter]

    def _take(self, option: Option, text: str | None, missing: str) -> None:
        if text is None:
            if option.kind is BOOL:
                text = "true"
            elif self.rest:
                text = self.rest.pop(0)
            else:
                raise FlagError(missing, key=option.key)
        try:
            value = option.kind.read(text)
        except ConfigError as error:
            raise FlagError(
                f'invalid argument "{text}" for "{option.shown}" flag: {error}', key=option.key
            ) from None
        self._store(option, value)

    def _store(self, option: Option, value: Any) -> None:
        target, key = (self.values, option.key) if option.key else (self.own, option.flag)
        if option.kind.repeat == "append":
            target.setdefault(key, []).append(value)
        elif option.kind.repeat == "merge":
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


def _merge(into: dict[str, Any], value: dict[str, Any]) -> None:
    for key, item in value.items():
        inner = into.get(key)
        if isinstance(inner, dict) and isinstance(item, dict):
            _merge(inner, item)
        else:
            into[key] = item
