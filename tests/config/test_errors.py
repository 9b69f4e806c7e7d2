from __future__ import annotations

from config.errors import ConfigError, FlagError, UnknownDirectives


def test_error_is_one_line_with_the_key_at_fault() -> None:
    error = ConfigError("invalid MTU", key="mtu")
    assert (str(error), error.key, error.exit_status) == ("invalid MTU", "mtu", 1)


def test_flag_points_to_the_help() -> None:
    assert str(FlagError("unknown flag: --x")) == "unknown flag: --x\nSee 'trimarand --help'."


def test_unknown_directives_are_listed_under_the_first() -> None:
    error = UnknownDirectives(["a", "b.c"])
    assert str(error).endswith("configuration option: a, b.c")
    assert error.key == "a"
