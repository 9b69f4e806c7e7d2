"""The one typed error of the configuration, and its form for the command line."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigError(Exception):
    """The configuration cannot be used: one clear line, and the key at fault where there is one."""

    exit_status = 1  # dockerd's, of a refused flag as of a refused file

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    def __str__(self) -> str:
        return self.message


class UnknownDirectives(ConfigError):
    """The file has keys that no option is called (text of dockerd)."""

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(names)
        super().__init__(
            f"the following directives don't match any configuration option: {listed}",
            key=names[0],
        )


class FlagError(ConfigError):
    """A flag cannot be used; ends with the pointer to the help, as dockerd's does."""

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(f"{message}\nSee 'trimarand --help'.", key=key)
